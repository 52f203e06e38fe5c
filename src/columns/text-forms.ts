import { floorDivide } from './floor-divide.ts';
import { DAY_SECONDS, PER_SECOND } from './instant.ts';
import { dateText, doubleText } from './text.ts';

/**
 * Text forms: the ways in which the values of a column were written, where they came from text.
 *
 * A column inferred as timestamp or double may turn out to be text when a later batch brings a value that
 * is neither. Its earlier values then have to become the text they were, and not another way of writing
 * the same value: otherwise where the rows happened to be cut would show in the answers. So a field keeps
 * the names of the forms that write every one of its values as it stood. Fields merge by keeping what
 * both have; an empty list says that no form fits all, and the text is canonical.
 *
 * Forms of an instant: separator, fraction, zone. `T3Z`, ` 0`, `Tt+02:00`; the fraction is a number of
 * digits, `t` (no zeros at its end), `m` (none or six) or `g` (the fewest of 0, 3, 6 and 9).
 * Forms of a number: `s` (the shortest, as ECMAScript writes it), `r` (the same with `.0` and Python's exponents),
 * `f2` (two digits behind the point), `b2` (the same, but integers without a point).
 */
export type TextForms = readonly string[];

const TRIMMED = 1 << 10;
const MICRO = 1 << 11;
const GROUPS = 1 << 12;
const ALL_FRACTIONS = (1 << 13) - 1;

/** Nanoseconds that end in a zero at the last of so many digits are multiples of this. */
const UNITS = Array.from({ length: 10 }, (_, digits) => 10 ** (10 - digits));

/** Which fraction styles write these nanoseconds with this many digits, as bits. */
export function fractionStyles(nanos: number, digits: number): number {
  let styles = 1 << digits;
  if (digits === 0) return styles | TRIMMED | MICRO | GROUPS;
  if (nanos % UNITS[digits] !== 0) styles |= TRIMMED;
  if (digits === 6 && nanos !== 0) styles |= MICRO;
  const group = nanos % 1_000_000 === 0 ? 3 : nanos % 1000 === 0 ? 6 : 9;
  if (digits === group && nanos !== 0) styles |= GROUPS;
  return styles;
}

/** The forms of a column whose instants share separator and zone and these fraction styles. */
export function instantForms(separator: string, zone: string, styles: number): TextForms {
  const forms: string[] = [];
  for (const [bit, style] of [
    [TRIMMED, 't'],
    [GROUPS, 'g'],
    [MICRO, 'm'],
  ] as const) {
    if (styles & bit) forms.push(`${separator}${style}${zone}`);
  }
  for (let digits = 0; digits <= 9; digits++) if (styles & (1 << digits)) forms.push(`${separator}${digits}${zone}`);
  return forms;
}

export const ANY_FRACTION = ALL_FRACTIONS;

/** `±HH:MM` of an offset in minutes east. */
export function offsetText(minutes: number): string {
  const size = Math.abs(minutes);
  const two = (value: number) => String(value).padStart(2, '0');
  return `${minutes < 0 ? '-' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

/** Writes an instant in a form. A fraction the form has no room for is written out all the same. */
export function instantText(count: bigint, unit: 'us' | 'ns', form: string): string {
  const zone = form.slice(2);
  const minutes = /^[+-]/.test(zone)
    ? Number(`${zone[0]}1`) * (Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4)))
    : 0;
  const whole = floorDivide(count, PER_SECOND[unit]);
  const nanos = Number(count - whole * PER_SECOND[unit]) * (unit === 'us' ? 1000 : 1);
  const seconds = Number(whole) + minutes * 60;
  const days = Math.floor(seconds / DAY_SECONDS);
  const inDay = seconds - days * DAY_SECONDS;
  const two = (value: number) => String(value).padStart(2, '0');
  const clock = `${two(Math.floor(inDay / 3600))}:${two(Math.floor(inDay / 60) % 60)}:${two(inDay % 60)}`;
  return `${dateText(days)}${form[0]}${clock}${fractionIn(nanos, form[1])}${zone}`;
}

function fractionIn(nanos: number, style: string): string {
  const nine = String(nanos).padStart(9, '0');
  const needed = nine.replace(/0+$/, '').length;
  const group = needed === 0 ? 0 : needed <= 3 ? 3 : needed <= 6 ? 6 : 9;
  const asked = style === 't' ? needed : style === 'g' ? group : style === 'm' ? (needed === 0 ? 0 : 6) : Number(style);
  const digits = Math.max(asked, needed);
  return digits === 0 ? '' : `.${nine.slice(0, digits)}`;
}

/** Digits behind the point that fixed forms know. */
const MAX_FIXED = 20;

/** The forms that write a double as `text`, which reads as it. */
export function numberForms(text: string, value: number): TextForms {
  const forms: string[] = [];
  for (const form of candidateForms(text)) if (numberText(value, form) === text) forms.push(form);
  return forms;
}

/** The forms worth trying: those with as many digits behind the point as the text has, and any where it has no point. */
function candidateForms(text: string): readonly string[] {
  const point = text.indexOf('.');
  if (point < 0) return BARE_FORMS;
  const digits = text.length - point - 1;
  return digits <= MAX_FIXED ? ['s', 'r', `f${digits}`, `b${digits}`] : ['s', 'r'];
}

const BARE_FORMS: readonly string[] = ['s', 'r', 'f0', ...Array.from({ length: MAX_FIXED }, (_, i) => `b${i + 1}`)];

/** Whether a form writes integers without a point. */
export function writesBareIntegers(form: string): boolean {
  return form === 's' || form === 'f0' || form.startsWith('b');
}

/** Writes a double in a form. */
export function numberText(value: number, form: string): string {
  if (form === 's' || !Number.isFinite(value)) return doubleText(value);
  if (form === 'r') return reprText(value);
  const digits = Number(form.slice(1));
  if (form.startsWith('b') && Number.isInteger(value)) return doubleText(value);
  const fixed = Math.abs(value) < 1e21 ? value.toFixed(digits) : doubleText(value);
  return Object.is(value, -0) ? `-${fixed}` : fixed;
}

/** The shortest digits that read back, always with a point or an exponent; exponents below 1e-4 and from 1e16. */
export function reprText(value: number): string {
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0';
  const [digits, exponentText] = value.toExponential().split('e');
  const exponent = Number(exponentText);
  if (exponent >= -4 && exponent < 16) {
    const plain = String(value);
    return plain.includes('.') ? plain : `${plain}.0`;
  }
  return `${digits}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
}
