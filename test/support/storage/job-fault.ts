/**
 * What goes wrong between the consumers of jobs, their bucket and their queue: told by the tests in
 * Node, done by test/edge/faulty-jobs-worker.ts.
 */
export interface JobFault {
  /** So many writes of images to come throw. */
  readonly failingWrites?: number;
  /**
   * So many writes of images to come are done, and then throw all the same, as when the consumer
   * dies before it says so.
   */
  readonly lostAnswers?: number;
  /** Shards whose drawing always fails. */
  readonly failingShards?: readonly number[];
  /** So many messages to come get lost, as a queue in memory loses them when it is killed. */
  readonly lostMessages?: number;
  /** Each message is delivered so often, at once. */
  readonly deliveries?: number;
  /** Sending to the queue throws. */
  readonly isQueueDown?: boolean;
}

/** What happened since the last fault was told. */
export interface JobEvents {
  /** Keys that were written, in order, each time that it was tried. */
  readonly writes: readonly string[];
  readonly delivered: number;
  /** Of each message that was sent, lost ones too: how long it was to wait. */
  readonly delaysSeconds: readonly number[];
}
