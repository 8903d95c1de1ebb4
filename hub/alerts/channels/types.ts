import type { Notification } from '../../../contract/index.ts';

/** What became of one attempt to tell a notification. */
export type Outcome =
  | {
      readonly kind: 'accepted';
      readonly detail?: string;
      /** Whom of several it will never reach, and why. */
      readonly missed?: string;
    }
  /** This notification will never be taken: it is given up. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** The receiver is away, busy or wrongly set up: what is told later may be taken. */
  | { readonly kind: 'again'; readonly reason: string; readonly afterMs?: number };

/** One way to tell people or other systems. */
export interface Channel {
  /** Never throws. @param signal ends the attempt */
  send(notification: Notification, signal: AbortSignal): Promise<Outcome>;
}
