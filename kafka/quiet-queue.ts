import RequestQueue from 'kafkajs/src/network/requestQueue/index.js';

// kafkajs 2.2.4 looks at a connection's queue again and again, every millisecond from its first answer on, also when nothing is queued: a timer whose
// time is "not throttled" minus now, hence always past (its issue #1751). With a connection or two a process never sleeps.

/** Makes kafkajs look at a connection's queue only while something waits there; once for the process, as there is one kafkajs. */
export function letEmptyQueuesRest(): void {
  const { scheduleCheckPendingRequests } = RequestQueue.prototype;
  RequestQueue.prototype.scheduleCheckPendingRequests = function () {
    if (this.pending.length > 0) scheduleCheckPendingRequests.call(this);
  };
}
