import { OrasiError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';

/** A queue's sending side. Delivery is at least once, in no order, and may be lost with the broker: a message only wakes. */
export interface MessageQueue<Message> {
  /** Throws `payload_too_large` where a message is over the platform's limit, before any is sent. */
  send(messages: readonly Message[], options?: { readonly delaySeconds?: number }): Promise<void>;
}

/** The most messages, and bytes, of one call. Source: https://developers.cloudflare.com/queues/platform/limits/ */
const CALL_MESSAGES = 100;
const CALL_BYTES = 256_000;

/** The part of a Cloudflare queue's binding that is used. */
export interface QueueBinding {
  sendBatch(
    messages: Iterable<{ body: unknown; contentType?: 'json' }>,
    options?: { delaySeconds?: number },
  ): Promise<unknown>;
}

/** A queue on Cloudflare Queues, its limits kept locally too, where the broker is looser. */
export function cloudflareQueue<Message>(binding: QueueBinding): MessageQueue<Message> {
  return {
    async send(messages, options) {
      const sized = messages.map((body) => ({ body, bytes: new TextEncoder().encode(JSON.stringify(body)).length }));
      const tooLarge = sized.find(({ bytes }) => bytes > LIMITS.queueMessageBytes);
      if (tooLarge !== undefined) {
        throw new OrasiError('payload_too_large', `a queue message of ${tooLarge.bytes} bytes`);
      }
      let call: { body: unknown; contentType: 'json' }[] = [];
      let callBytes = 0;
      const flush = async () => {
        if (call.length > 0) await binding.sendBatch(call, options);
        call = [];
        callBytes = 0;
      };
      for (const { body, bytes } of sized) {
        if (call.length === CALL_MESSAGES || callBytes + bytes > CALL_BYTES) await flush();
        call.push({ body, contentType: 'json' });
        callBytes += bytes;
      }
      await flush();
    },
  };
}
