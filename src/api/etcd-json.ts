import { fromBase64, toBase64 } from '../core/bytes.ts';

/**
 * Protocol buffers as JSON, as etcd's gateway reads and writes them: bytes in base64, 64-bit integers as strings, zero
 * values left out, enumerations by name or number, fields by either spelling (grpc-gateway 1.9, golang/protobuf jsonpb).
 */

/** What a field holds. A message is given lazily, since messages nest. */
type Field = 'bytes' | 'text' | 'int64' | 'bool' | readonly string[] | MessageField | ListField;
interface MessageField {
  readonly message: () => Message;
}
interface ListField {
  readonly list: () => Message | readonly string[];
}

/** A message's name and its fields by their name in the protocol. */
export interface Message {
  readonly name: string;
  readonly fields: Readonly<Record<string, Field>>;
}

/** A message as read; a field that is absent is its zero value, which the accessors give. */
export class Fields {
  private readonly values: ReadonlyMap<string, unknown>;

  constructor(values: ReadonlyMap<string, unknown>) {
    this.values = values;
  }

  has(name: string): boolean {
    return this.values.has(name);
  }

  bytes(name: string): Uint8Array {
    return (this.values.get(name) as Uint8Array | undefined) ?? NO_BYTES;
  }

  text(name: string): string {
    return (this.values.get(name) as string | undefined) ?? '';
  }

  /** The integer as a number: what a number cannot hold is brought near, which no revision or limit ever is. */
  number(name: string): number {
    const value = this.int64(name);
    const bound = BigInt(Number.MAX_SAFE_INTEGER);
    return Number(value > bound ? bound : value < -bound ? -bound : value);
  }

  int64(name: string): bigint {
    return (this.values.get(name) as bigint | undefined) ?? 0n;
  }

  flag(name: string): boolean {
    return this.values.get(name) === true;
  }

  /** The place of an enumeration's value among its names. */
  choice(name: string): number {
    return (this.values.get(name) as number | undefined) ?? 0;
  }

  choices(name: string): readonly number[] {
    return (this.values.get(name) as number[] | undefined) ?? [];
  }

  message(name: string): Fields | undefined {
    return this.values.get(name) as Fields | undefined;
  }

  list(name: string): readonly Fields[] {
    return (this.values.get(name) as Fields[] | undefined) ?? [];
  }
}

const NO_BYTES = new Uint8Array(0);

/** A body that is not the message it should be; the text is the gateway's, as far as clients may look at it. */
export class MalformedMessage extends Error {}

/** Reads one message from JSON. An empty text is an empty message. Throws `MalformedMessage`. */
export function readMessage(message: Message, text: string): Fields {
  if (text.trim() === '') return new Fields(new Map());
  return fieldsOf(message, parse(text));
}

/** JSON whose integers keep all their digits: a number that is not safe comes as its text. */
export function parse(text: string): unknown {
  const keepDigits = (_key: string, value: unknown, context?: { source?: string }): unknown =>
    typeof value === 'number' && !Number.isSafeInteger(value) ? (context?.source ?? value) : value;
  try {
    return JSON.parse(text, keepDigits as (key: string, value: unknown) => unknown);
  } catch {
    throw new MalformedMessage('invalid character in the body: it is not JSON');
  }
}

export function fieldsOf(message: Message, value: unknown): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new MalformedMessage(`json: cannot unmarshal ${typeName(value)} into Go value of type ${message.name}`);
  }
  const values = new Map<string, unknown>();
  for (const [given, each] of Object.entries(value)) {
    const snakeCase = given.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    const name = [given, snakeCase].find((spelling) => Object.hasOwn(message.fields, spelling));
    if (name === undefined) throw new MalformedMessage(`unknown field "${given}" in ${message.name}`);
    if (each !== null) values.set(name, readValue(message.fields[name], each));
  }
  return new Fields(values);
}

function readValue(field: Field, value: unknown): unknown {
  if (field === 'bytes') return bytesOf(value);
  if (field === 'text') {
    if (typeof value === 'string') return value;
    throw new MalformedMessage(`json: cannot unmarshal ${typeName(value)} into Go value of type string`);
  }
  if (field === 'int64') return int64Of(value);
  if (field === 'bool') {
    if (typeof value === 'boolean') return value;
    throw new MalformedMessage(`json: cannot unmarshal ${typeName(value)} into Go value of type bool`);
  }
  if (isNames(field)) return choiceOf(field, value);
  if ('message' in field) return fieldsOf(field.message(), value);
  if (!Array.isArray(value)) {
    throw new MalformedMessage(`json: cannot unmarshal ${typeName(value)} into Go value of type []json.RawMessage`);
  }
  const element = field.list();
  return value.map((each) => (isNames(element) ? choiceOf(element, each) : fieldsOf(element, each)));
}

function isNames(field: Field | Message): field is readonly string[] {
  return Array.isArray(field);
}

function choiceOf(names: readonly string[], value: unknown): number {
  const place = typeof value === 'string' ? names.indexOf(value) : typeof value === 'number' ? value : -1;
  if (place < 0 || !Number.isInteger(place)) {
    throw new MalformedMessage(`unknown value ${JSON.stringify(value)} for enum`);
  }
  return place;
}

function int64Of(value: unknown): bigint {
  const text = typeof value === 'number' ? String(value) : value;
  if (typeof text !== 'string' || !/^-?\d+$/.test(text)) {
    throw new MalformedMessage(`json: cannot unmarshal ${typeName(value)} into Go value of type int64`);
  }
  const integer = BigInt(text);
  if (integer !== BigInt.asIntN(64, integer)) {
    throw new MalformedMessage(`json: cannot unmarshal number ${text} into Go value of type int64`);
  }
  return integer;
}

function typeName(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

function bytesOf(value: unknown): Uint8Array {
  if (typeof value !== 'string') {
    throw new MalformedMessage(`json: cannot unmarshal ${typeName(value)} into Go value of type []uint8`);
  }
  const fault = faultOf(value);
  if (fault !== null) throw new MalformedMessage(`illegal base64 data at input byte ${fault}`);
  return fromBase64(value);
}

/** Where a text is not base64, counted as Go's decoder does; null where it is. */
function faultOf(text: string): number | null {
  const skipLines = (from: number): number => {
    let at = from;
    while (text[at] === '\n' || text[at] === '\r') at++;
    return at;
  };
  let at = 0;
  for (;;) {
    for (let digit = 0; digit < 4; digit++) {
      at = skipLines(at);
      if (at === text.length) return digit === 0 ? null : at - digit;
      const letter = text[at++];
      if (/^[A-Za-z0-9+/]$/.test(letter)) continue;
      if (letter !== '=' || digit < 2) return at - 1;
      if (digit === 2) {
        at = skipLines(at);
        if (at === text.length) return at;
        if (text[at] !== '=') return at - 1;
        at++;
      }
      at = skipLines(at);
      return at < text.length ? at : null;
    }
  }
}

/** JSON without zero values. A value that is undefined, zero, empty or false is left out; objects and null are not. */
export type Shown = {
  readonly [name: string]:
    | string
    | number
    | boolean
    | Uint8Array
    | Shown
    | readonly Shown[]
    | readonly string[]
    | undefined;
};

/** A message for the answer: zero values are left out, bytes are in base64, numbers are strings, as int64s are. */
export function show(message: Shown): { [name: string]: unknown } {
  const shown: { [name: string]: unknown } = {};
  for (const [name, value] of Object.entries(message)) {
    if (value === undefined || value === false || value === 0 || value === '' || value === '0') continue;
    if (typeof value === 'number') shown[name] = String(value);
    else if (value instanceof Uint8Array) {
      if (value.length > 0) shown[name] = toBase64(value);
    } else if (isList(value)) {
      if (value.length > 0) shown[name] = value.map((each) => (typeof each === 'string' ? each : show(each)));
    } else shown[name] = typeof value === 'object' ? show(value) : value;
  }
  return shown;
}

function isList(value: unknown): value is readonly (Shown | string)[] {
  return Array.isArray(value);
}
