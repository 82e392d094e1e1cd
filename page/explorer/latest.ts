/**
 * Runs work one at a time. Of the calls that come meanwhile only the last one is kept.
 */
export function createLatest<T>(work: (wish: T) => Promise<void>): (wish: T) => void {
  let isBusy = false;
  let waiting: { readonly wish: T } | undefined;
  const run = async (wish: T): Promise<void> => {
    isBusy = true;
    try {
      await work(wish);
    } finally {
      isBusy = false;
      const { wish: newest } = waiting ?? {};
      const isWanted = waiting !== undefined;
      waiting = undefined;
      if (isWanted) {
        void run(newest as T);
      }
    }
  };
  return (wish) => {
    if (isBusy) {
      waiting = { wish };
    } else {
      void run(wish);
    }
  };
}
