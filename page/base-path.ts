/** The path of the service, without a slash at its end. Its scripts are in a folder below it. */
export const BASE_PATH = new URL('..', import.meta.url).pathname.slice(0, -1);
