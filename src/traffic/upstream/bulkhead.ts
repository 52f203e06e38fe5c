import type { CompiledBulkhead } from '../../core/protocol/upstream.ts';

/** A place in the queue; it is asked with it whether it has come to the front. */
export type Ticket = number;

/**
 * Bounds what one isolate has under way at an upstream. Who waits asks again and again with its ticket: in an isolate no
 * request may wait for another one's promise. Others of the fleet count for themselves.
 */
export class Bulkhead {
  private settings: CompiledBulkhead;
  private inFlight = 0;
  private nextTicket = 1;
  /** In the order in which they came. */
  private readonly queue = new Set<Ticket>();

  constructor(settings: CompiledBulkhead) {
    this.settings = settings;
  }

  configure(settings: CompiledBulkhead): void {
    this.settings = settings;
  }

  get queued(): number {
    return this.queue.size;
  }

  /** `entered`, a ticket to wait with, or `full`. */
  enter(): 'entered' | 'full' | Ticket {
    const { maxInFlight, maxQueued } = this.settings;
    if (this.inFlight < maxInFlight && this.queue.size === 0) {
      this.inFlight += 1;
      return 'entered';
    }
    if (this.queue.size >= maxQueued) return 'full';
    const ticket = this.nextTicket++;
    this.queue.add(ticket);
    return ticket;
  }

  /** Whether the ticket has entered: as many from the front may as there are places. */
  ask(ticket: Ticket): boolean {
    const places = this.settings.maxInFlight - this.inFlight;
    let at = 0;
    for (const waiting of this.queue) {
      if (at >= places) return false;
      if (waiting === ticket) {
        this.queue.delete(ticket);
        this.inFlight += 1;
        return true;
      }
      at += 1;
    }
    return false;
  }

  /** Whoever waited is gone. */
  giveUp(ticket: Ticket): void {
    this.queue.delete(ticket);
  }

  /** For a repetition: what went before it holds its place until this one has begun. */
  reenter(): void {
    this.inFlight += 1;
  }

  leave(): void {
    this.inFlight -= 1;
  }
}
