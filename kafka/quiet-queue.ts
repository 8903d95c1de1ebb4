import RequestQueue from 'kafkajs/src/network/requestQueue/index.js';

// kafkajs 2.2.4 looks at each connection again and again, whether anything is there to be looked at or not; with a connection or two a process never sleeps:
// - for room in its queue, every millisecond from its first answer on: a timer whose time is "not throttled" minus now, hence always past (its issue #1751),
// - for answers that took too long, ten times a second from its opening on.

/** How often requests on their way are looked at: nobody waits less than 5 s for an answer. */
const LOOK_EVERY_MS = 1_000;

/** Makes kafkajs look at a connection's queue only while something waits there, and for late answers while one is due; once for the process, as there is one kafkajs. */
export function letEmptyQueuesRest(): void {
  const { scheduleCheckPendingRequests, sendSocketRequest } = RequestQueue.prototype;
  RequestQueue.prototype.scheduleCheckPendingRequests = function () {
    if (this.pending.length > 0) scheduleCheckPendingRequests.call(this);
  };
  // kafkajs calls this for a connection that has just been made.
  RequestQueue.prototype.scheduleRequestTimeoutCheck = function () {
    if (!this.enforceRequestTimeout) return;
    stopLooking(this);
    // Two that need it at once make two connections, of which the second may be made when there are requests already.
    if (this.inflight.size > 0) lookForLate(this);
  };
  RequestQueue.prototype.sendSocketRequest = function (request) {
    sendSocketRequest.call(this, request);
    if (this.enforceRequestTimeout && this.inflight.size > 0) lookForLate(this);
  };
}

function lookForLate(queue: RequestQueue): void {
  queue.requestTimeoutIntervalId ??= setInterval(
    () => {
      const now = Date.now();
      for (const request of queue.inflight.values()) {
        if (now - request.sentAt > request.requestTimeout) request.timeoutRequest();
      }
      if (queue.inflight.size === 0 || !queue.isConnected()) stopLooking(queue);
    },
    Math.min(queue.requestTimeout, LOOK_EVERY_MS),
  );
}

function stopLooking(queue: RequestQueue): void {
  clearInterval(queue.requestTimeoutIntervalId);
  queue.requestTimeoutIntervalId = undefined;
}
