import { expect, test } from 'vitest';
import { MalformedMessage, readMessage } from '../../src/api/etcd-json.ts';
import { PUT } from '../../src/api/etcd-messages.ts';

test.each(['constructor', 'toString', '__proto__', 'hasOwnProperty'])('%s is no field of a message', (name) => {
  for (const value of ['[]', '{}', '""']) {
    expect(() => readMessage(PUT, `{"${name}":${value}}`)).toThrow(MalformedMessage);
  }
});
