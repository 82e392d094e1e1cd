/**
 * The two XML documents of S3's that are read: an error and a page of a listing. Parsed by a library that resolves no
 * outside entity; what does not fit is reported as nothing, never guessed.
 */
import { parseXml, XmlElement } from '@rgrove/parse-xml';
import type { ListedObject } from './object-store.ts';

/**
 * Reads an error's code, for instance `NoSuchKey`; null when the text is no S3 error.
 *
 * Only the code is read: the document may repeat the access key and the string that was signed.
 */
export function parseErrorCode(text: string): string | null {
  const code = readChild(parseRoot(text, 'Error'), 'Code');
  return code !== null && /^[A-Za-z0-9.]{1,64}$/.test(code) ? code : null;
}

export interface ListPage {
  readonly objects: readonly ListedObject[];
  /** Where the next page starts; null on the last one. */
  readonly continuationToken: string | null;
}

/** Reads a page of ListObjectsV2; null when the text is none. */
export function parseListPage(text: string): ListPage | null {
  const root = parseRoot(text, 'ListBucketResult');
  if (root === null) {
    return null;
  }
  const objects = root.children
    .filter(
      (child): child is XmlElement => child instanceof XmlElement && child.name === 'Contents',
    )
    .map(parseContents);
  const isTruncated = readChild(root, 'IsTruncated') === 'true';
  const continuationToken = readChild(root, 'NextContinuationToken');
  if (objects.includes(null) || (isTruncated && continuationToken === null)) {
    return null;
  }
  return {
    objects: objects.filter((object) => object !== null),
    continuationToken: isTruncated ? continuationToken : null,
  };
}

/** Null when a size or a date is missing: what was guessed about an object's age could have it deleted. */
function parseContents(contents: XmlElement): ListedObject | null {
  const key = readChild(contents, 'Key');
  const size = readChild(contents, 'Size') ?? '';
  const lastModifiedMs = Date.parse(readChild(contents, 'LastModified') ?? '');
  return key === null || !/^[0-9]{1,15}$/.test(size) || Number.isNaN(lastModifiedMs)
    ? null
    : { key, bytes: Number(size), lastModifiedMs };
}

function parseRoot(text: string, name: string): XmlElement | null {
  try {
    const { root } = parseXml(text);
    return root?.name === name ? root : null;
  } catch {
    return null;
  }
}

function readChild(parent: XmlElement | null, name: string): string | null {
  const child = parent?.children.find(
    (candidate) => candidate instanceof XmlElement && candidate.name === name,
  );
  return child instanceof XmlElement ? child.text : null;
}
