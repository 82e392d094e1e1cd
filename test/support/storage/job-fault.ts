/**
 * Faults between the job consumers, their bucket and their queue. Tests choose them in Node;
 * test/edge/faulty-jobs-worker.ts injects them.
 */
export interface JobFault {
  /** Number of image writes that throw. */
  readonly failingWrites?: number;
  /** Number of image writes that never end. Takes effect in a new isolate. */
  readonly hangingWrites?: number;
  /**
   * Number of image writes that succeed and then throw, as when a consumer dies before it reports
   * the write.
   */
  readonly lostAnswers?: number;
  /** Shards whose drawing always fails. */
  readonly failingShards?: readonly number[];
  /** Number of messages that get lost, as when a queue in memory is killed. */
  readonly lostMessages?: number;
  /** Number of immediate deliveries of each message. */
  readonly deliveries?: number;
  /** Sending to the queue throws. */
  readonly isQueueDown?: boolean;
}

/** Events since the last fault was set. */
export interface JobEvents {
  /** Keys of all attempted writes, in order. */
  readonly writes: readonly string[];
  readonly delivered: number;
  /** Delay of each sent message, lost messages included. */
  readonly delaysSeconds: readonly number[];
}
