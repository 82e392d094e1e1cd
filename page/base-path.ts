/** Where the service is: its scripts lie in a folder below it. Without a slash at the end. */
export const BASE_PATH = new URL('..', import.meta.url).pathname.slice(0, -1);
