/**
 * Compresses PNGs, in AssemblyScript: filters of rows (PNG, third edition, section 9), DEFLATE
 * (RFC 1951) and the two checksums. WebAssembly runs at full speed in a fresh isolate, unlike
 * JavaScript. `npm run build -- kernels` compiles this file to png.wasm.
 *
 * `shared/picture/png.ts` lays out the memory from `DATA` on; this file uses the memory below.
 */

const MIN_MATCH: i32 = 3;
const MAX_MATCH: i32 = 258;
const WINDOW: i32 = 32_768;
/** A match of this length is taken without comparing it with others. */
const NICE: i32 = 80;
/** A run of one byte of this length is taken without a search. */
const LONG_RUN: i32 = 16;
/** Candidates that the search for a match looks at. */
const DEPTH: i32 = 6;
/** Matches kept for a position. Each is longer than the previous one. */
const KEPT: i32 = 2;
/** Input bytes of a block, which share their Huffman codes. The codes of smaller blocks add up. */
const BLOCK: i32 = 262_144;
const HASH_BITS: i32 = 14;
/** In blocks up to this size, own codes may cost more than they save, and passes are quick. */
const SMALL: i32 = 8192;
/** How often a block's matches are chosen by the costs of the last choice. */
const PASSES: i32 = 2;
const SMALL_PASSES: i32 = 6;
/** Filter types (PNG, third edition, section 9.2). */
const SUB: u8 = 1;
const UP: u8 = 2;
const PAETH: u8 = 4;
/** Marks a match that is taken. */
const TAKEN: u32 = 0x80000000;
const LITERALS: i32 = 288;
const DISTANCES: i32 = 30;
/** Longest Huffman code in bits. */
const MAX_BITS: i32 = 15;
const END: i32 = 256;
/** Costs are in 1/16 bit. */
const UNIT: i32 = 16;
/** The cost of a symbol that has no code yet. */
const RARE: i32 = 13 * UNIT;

// Addresses.
const HEAD: usize = 1024; // i32 [1 << HASH_BITS]: the last position of each hash, plus 1.
/** i32 [WINDOW]: the previous position with the same hash, plus 1. */
const PREVIOUS: usize = HEAD + (4 << HASH_BITS);
/**
 * u32 [BLOCK + 1][KEPT]: see `makeMatch`; 0 ends the list. Inside of a taken match: its rest, then
 * the distance of its start.
 */
const MATCHES: usize = PREVIOUS + 4 * WINDOW;
/** i32 [BLOCK + 1]: cost from a position to the block's end, but not inside of taken matches. */
const COST: usize = MATCHES + 4 * KEPT * (BLOCK + 1);
/** u32 [BLOCK]: a match; 0 for a literal. See `choiceAt`. */
const CHOICE: usize = COST + 4 * (BLOCK + 1) + 12;
const FREQUENCY: usize = CHOICE + 4 * BLOCK; // u32 [LITERALS + 32]
const FREQUENCY_BYTES: i32 = 4 * (LITERALS + 32);
const LAST_FREQUENCY: usize = FREQUENCY + FREQUENCY_BYTES; // Those of the choice before.
const LENGTH: usize = LAST_FREQUENCY + FREQUENCY_BYTES; // u8 [LITERALS + 32]: length of each code.
const CODE: usize = LENGTH + (LITERALS + 32); // u16 [LITERALS + 32]: codes, first bit lowest.
const LITERAL_COST: usize = CODE + 2 * (LITERALS + 32); // i32 [256]
const LENGTH_COST: usize = LITERAL_COST + 4 * 256; // i32 [MAX_MATCH + 1]
const DISTANCE_COST: usize = LENGTH_COST + 4 * (MAX_MATCH + 2); // i32 [DISTANCES + 2]
/** u8 [MAX_MATCH + 2]: symbol less 257. */
const LENGTH_SYMBOL: usize = DISTANCE_COST + 4 * (DISTANCES + 2);
/** u8 [LITERALS + 32][2]: run-length encoded code lengths: symbol, extra bits. */
const RUNS: usize = LENGTH_SYMBOL + MAX_MATCH + 2;
const META: usize = RUNS + 2 * (LITERALS + 32); // u32 [32]: frequencies of the symbols of RUNS.
const META_LENGTH: usize = META + 4 * 32; // u8 [32]
const META_CODE: usize = META_LENGTH + 32; // u16 [32]
const SORTED: usize = META_CODE + 2 * 32; // u32 [LITERALS + 32]: symbols by frequency.
/** u32 [LITERALS + 32][2]: weight and parent of inner nodes. */
const NODES: usize = SORTED + 4 * (LITERALS + 32);
const COUNTS: usize = NODES + 8 * (LITERALS + 32); // u32 [MAX_BITS + 2]
const CRC_TABLE: usize = COUNTS + 4 * (MAX_BITS + 2); // u32 [256]
/** The first free address, a multiple of 16. */
export const DATA: i32 = <i32>((CRC_TABLE + 4 * 256 + 15) & ~15);

let isReady: bool = false;
let target: usize = 0;
let bits: u64 = 0;
let bitCount: u64 = 0;

function lengthBase(symbol: i32): i32 {
  if (symbol < 8) {
    return symbol + 3;
  }
  return symbol === 28 ? MAX_MATCH : ((4 + (symbol & 3)) << ((symbol >> 2) - 1)) + 3;
}

function lengthExtra(symbol: i32): i32 {
  return symbol < 8 || symbol === 28 ? 0 : (symbol >> 2) - 1;
}

function distanceSymbol(distance: i32): i32 {
  const d = distance - 1;
  if (d < 4) {
    return d;
  }
  const high = 31 - clz(d);
  return 2 * high + ((d >> (high - 1)) & 1);
}

/** Packs a match: symbol of its distance << 24 | distance << 9 | length. */
function makeMatch(distance: i32, length: i32): u32 {
  return (distanceSymbol(distance) << 24) | (distance << 9) | length;
}

function lengthOf(match: u32): i32 {
  return match & 511;
}

function distanceOf(match: u32): i32 {
  return (match >>> 9) & (WINDOW - 1);
}

function symbolOf(match: u32): i32 {
  return (match >>> 24) & 31;
}

function distanceExtra(symbol: i32): i32 {
  return symbol < 4 ? 0 : (symbol >> 1) - 1;
}

function distanceBase(symbol: i32): i32 {
  return symbol < 4 ? symbol + 1 : ((2 + (symbol & 1)) << ((symbol >> 1) - 1)) + 1;
}

function prepare(): void {
  if (isReady) {
    return;
  }
  isReady = true;
  for (let symbol = 0; symbol < 29; symbol++) {
    const base = lengthBase(symbol);
    const end = symbol === 28 ? base + 1 : base + (1 << lengthExtra(symbol));
    for (let length = base; length < end; length++) {
      store<u8>(LENGTH_SYMBOL + length, symbol);
    }
  }
  for (let n: u32 = 0; n < 256; n++) {
    let value = n;
    for (let k = 0; k < 8; k++) {
      value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
    }
    store<u32>(CRC_TABLE + (n << 2), value);
  }
}

/** Computes the CRC-32 of a PNG chunk. */
export function crc32(from: usize, length: i32): u32 {
  prepare();
  let crc: u32 = 0xffffffff;
  for (const end = from + length; from < end; from++) {
    crc = load<u32>(CRC_TABLE + (((crc ^ load<u8>(from)) & 255) << 2)) ^ (crc >>> 8);
  }
  return ~crc;
}

function adler32(from: usize, length: i32): u32 {
  let a: u32 = 1;
  let b: u32 = 0;
  const end = from + length;
  while (from < end) {
    // 5552 is the most sums that cannot overflow 32 bits (RFC 1950).
    for (const part = min(end, from + 5552); from < part; from++) {
      a += load<u8>(from);
      b += a;
    }
    a %= 65521;
    b %= 65521;
  }
  return (b << 16) | a;
}

/**
 * Filters rows in place.
 * @param rows      [height][1 + rowBytes]. The first byte of each row, 0, becomes its filter type.
 * @param channels  Bytes of a pixel.
 * @param type      SUB or PAETH for all rows; UP for rows that equal the row above, and no others.
 */
export function filter(rows: usize, rowBytes: i32, height: i32, channels: i32, type: u8): void {
  const stride = rowBytes + 1;
  for (let y = height - 1; y >= 0; y--) {
    const row = rows + <usize>(y * stride);
    const above = row - stride;
    if (type === UP) {
      if (y > 0 && measure(row + 1, stride, rowBytes) === rowBytes) {
        memory.fill(row + 1, 0, rowBytes);
        store<u8>(row, UP);
      }
      continue;
    }
    for (let x = rowBytes; x >= 1; x--) {
      const a: i32 = x > channels ? load<u8>(row + x - channels) : 0;
      let predicted = a;
      if (type === PAETH) {
        const b: i32 = y > 0 ? load<u8>(above + x) : 0;
        const c: i32 = x > channels && y > 0 ? load<u8>(above + x - channels) : 0;
        const p = a + b - c;
        const pa = abs(p - a);
        const pb = abs(p - b);
        const pc = abs(p - c);
        predicted = pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
      }
      store<u8>(row + x, load<u8>(row + x) - predicted);
    }
    store<u8>(row, type);
  }
}

/**
 * Compresses bytes to a zlib stream (RFC 1950).
 * @param from    Must be followed by 8 zero bytes, which the search may read.
 * @param stride  A likely distance of matches: the length of a row.
 * @param to      Has room for `length` bytes, 25 more for each BLOCK that begins, and 32.
 * @returns       The length of the stream in bytes.
 */
export function compress(from: usize, length: i32, stride: i32, to: usize): i32 {
  prepare();
  memory.fill(HEAD, 0, 4 << HASH_BITS);
  store<u16>(to, 0x0178); // A window of 32 KiB, no dictionary.
  target = to + 2;
  bits = 0;
  bitCount = 0;
  let start = 0;
  do {
    const size = min(BLOCK, length - start);
    compressBlock(from, start, size, stride, start + size === length);
    start += size;
  } while (start < length);
  flush();
  store<u32>(target, bswap<u32>(adler32(from, length)));
  return <i32>(target + 4 - to);
}

function compressBlock(from: usize, start: i32, size: i32, stride: i32, isLast: bool): void {
  const data = from + start;
  findMatches(from, start, size, stride);
  let fixed = i32.MAX_VALUE;
  if (size <= SMALL) {
    chooseForFixed(data, size);
    count(data, size);
    fixed = measureBlock();
  } else {
    estimateCosts(data, size);
    choose(data, size);
    count(data, size);
  }
  buildOwnLengths();
  for (let left = size <= SMALL ? SMALL_PASSES : PASSES; left > 0; left--) {
    memory.copy(LAST_FREQUENCY, FREQUENCY, FREQUENCY_BYTES);
    takeCosts();
    choose(data, size);
    count(data, size);
    // Equal frequencies give equal codes, and these the same choice again.
    if (measure(LAST_FREQUENCY, FREQUENCY_BYTES, FREQUENCY_BYTES) === FREQUENCY_BYTES) {
      break;
    }
    buildOwnLengths();
  }
  write(data, size, fixed, isLast);
}

function chooseForFixed(data: usize, size: i32): void {
  useFixed();
  takeCosts();
  choose(data, size);
}

function buildOwnLengths(): void {
  buildLengths(FREQUENCY, LITERALS, LENGTH, MAX_BITS);
  buildLengths(FREQUENCY + 4 * LITERALS, DISTANCES, LENGTH + LITERALS, MAX_BITS);
}

/** Measures the match at `p` with the bytes `distance` before it, at most `limit` bytes. */
function measure(p: usize, distance: i32, limit: i32): i32 {
  let length = 0;
  const q = p - distance;
  while (length + 8 <= limit) {
    const difference = load<u64>(p + length) ^ load<u64>(q + length);
    if (difference !== 0) {
      return length + <i32>(ctz(difference) >> 3);
    }
    length += 8;
  }
  while (length < limit && load<u8>(p + length) === load<u8>(q + length)) {
    length++;
  }
  return length;
}

function hashOf(p: usize): usize {
  return (<usize>(((load<u32>(p) & 0xffffff) * 0x9e3779b1) >>> (32 - HASH_BITS))) << 2;
}

function remember(p: usize, place: i32): i32 {
  const head = HEAD + hashOf(p);
  const last = load<i32>(head);
  store<i32>(PREVIOUS + ((<usize>(place & (WINDOW - 1))) << 2), last);
  store<i32>(head, place + 1);
  return last;
}

/** Lists the matches of each position in a block. It does not search inside a taken match. */
function findMatches(from: usize, start: i32, size: i32, stride: i32): void {
  const end = start + size;
  store<u32>(matchesAt(size), 0);
  let place = start;
  while (place < end) {
    const p = from + place;
    let list = matchesAt(place - start);
    const listEnd = list + KEPT * 4;
    const limit = min(MAX_MATCH, end - place);
    if (limit < MIN_MATCH) {
      store<u32>(list, 0);
      place++;
      continue;
    }
    const four = load<u32>(p - 1);
    if (place > 0 && four === rotr<u32>(four, 8)) {
      const run = measure(p, 1, limit);
      const copied = place >= stride && stride < WINDOW ? measure(p, stride, limit) : 0;
      if (copied >= NICE && copied > run) {
        place = take(from, start, place, stride, copied, end);
        continue;
      }
      if (run >= LONG_RUN) {
        place = take(from, start, place, 1, run, end);
        continue;
      }
    }
    let best = MIN_MATCH - 1;
    let bestDistance = 0;
    let last = load<u8>(p + best); // A longer match has it too.
    let candidate = remember(p, place) - 1;
    const oldest = place - WINDOW;
    let depth = DEPTH;
    for (; candidate >= 0 && candidate > oldest && depth > 0 && best < limit; depth--) {
      const distance = place - candidate;
      if (load<u8>(p + best - distance) === last) {
        const length = measure(p, distance, limit);
        if (length > best) {
          best = length;
          bestDistance = distance;
          if (list < listEnd) {
            list += 4;
          }
          store<u32>(list - 4, makeMatch(distance, length));
          if (length >= NICE) {
            break;
          }
          last = load<u8>(p + best);
        }
      }
      const next = load<i32>(PREVIOUS + ((<usize>(candidate & (WINDOW - 1))) << 2)) - 1;
      if (next >= candidate) {
        break;
      }
      candidate = next;
    }
    if (
      best < limit &&
      place >= stride &&
      stride < WINDOW &&
      load<u8>(p + best - stride) === load<u8>(p + best)
    ) {
      const length = measure(p, stride, limit);
      if (length > best) {
        best = length;
        bestDistance = stride;
        list = min(list + 4, listEnd);
        store<u32>(list - 4, makeMatch(stride, length));
      }
    }
    if (list < listEnd) {
      store<u32>(list, 0);
    }
    if (best >= NICE) {
      place = take(from, start, place, bestDistance, best, end);
    } else {
      place++;
    }
  }
}

/**
 * Takes a match: lists it for its position, and its rest for each position inside. Only the last
 * four positions enter the hash table. @returns  The position behind the match.
 */
function take(from: usize, start: i32, place: i32, distance: i32, length: i32, end: i32): i32 {
  const next = place + length;
  const match = TAKEN | makeMatch(distance, 0);
  for (let inside = place; inside < next; inside++) {
    const left = next - inside;
    const at = matchesAt(inside - start);
    store<u32>(at, left < MIN_MATCH ? 0 : match | left);
    store<u32>(at + 4, inside - place);
  }
  for (let inside = max(place, next - 4); inside < next && inside + MIN_MATCH <= end; inside++) {
    remember(from + inside, inside);
  }
  return next;
}

/** Approximates the cost of a symbol by its frequency. */
function bitsOf(total: u32, frequency: u32): i32 {
  return logarithm(total) - logarithm(frequency);
}

function logarithm(value: u32): i32 {
  const high = 31 - clz(value);
  // Interpolates linearly between powers of two.
  return (high << 4) + <i32>((((<u64>value) << 4) >>> high) & 15);
}

/** Estimates costs before codes exist: literals by their frequency outside of taken matches. */
function estimateCosts(data: usize, size: i32): void {
  memory.fill(FREQUENCY, 0, 4 * 256);
  let total: u32 = 1;
  for (let i = 0; i < size;) {
    const match = load<u32>(matchesAt(i));
    if (match >= TAKEN) {
      i += lengthOf(match);
    } else {
      increase(FREQUENCY + ((<usize>load<u8>(data + i)) << 2));
      total++;
      i++;
    }
  }
  for (let value = 0; value < 256; value++) {
    const frequency = load<u32>(FREQUENCY + (value << 2));
    const cost = frequency === 0 ? RARE : min(RARE, max(UNIT, bitsOf(total, frequency))) + 6;
    store<i32>(LITERAL_COST + (value << 2), cost);
  }
  for (let length = MIN_MATCH; length <= MAX_MATCH; length++) {
    const symbol = <i32>load<u8>(LENGTH_SYMBOL + length);
    store<i32>(LENGTH_COST + (length << 2), (4 + (symbol >> 2) + lengthExtra(symbol)) * UNIT);
  }
  for (let symbol = 0; symbol < DISTANCES; symbol++) {
    const cost = (symbol === 0 ? 2 : 4 + distanceExtra(symbol)) * UNIT;
    store<i32>(DISTANCE_COST + (symbol << 2), cost);
  }
}

/** Reads costs from the lengths of the codes. */
function takeCosts(): void {
  for (let value = 0; value < 256; value++) {
    store<i32>(LITERAL_COST + (value << 2), costOf(LENGTH + value));
  }
  for (let length = MIN_MATCH; length <= MAX_MATCH; length++) {
    const symbol = <i32>load<u8>(LENGTH_SYMBOL + length);
    const cost = costOf(LENGTH + 257 + symbol) + lengthExtra(symbol) * UNIT;
    store<i32>(LENGTH_COST + (length << 2), cost);
  }
  for (let symbol = 0; symbol < DISTANCES; symbol++) {
    const cost = costOf(LENGTH + LITERALS + symbol) + distanceExtra(symbol) * UNIT;
    store<i32>(DISTANCE_COST + (symbol << 2), cost);
  }
}

function costOf(lengthAt: usize): i32 {
  const length = <i32>load<u8>(lengthAt);
  return length === 0 ? RARE : length * UNIT;
}

/**
 * Chooses the cheapest sequence of literals and matches, from the end of the block. Shorter parts
 * of a match are not tried: they save hardly a byte and cost 10% of the time.
 */
function choose(data: usize, size: i32): void {
  let cost = 0;
  store<i32>(COST + ((<usize>size) << 2), cost);
  for (let i = size - 1; i >= 0; i--) {
    let list = matchesAt(i);
    let choice = load<u32>(list);
    if (choice >= TAKEN) {
      i -= load<i32>(list + 4);
      list = matchesAt(i);
      choice = load<u32>(list);
      cost = costOfMatch(i, choice);
    } else {
      const match = choice;
      choice = 0;
      cost += load<i32>(LITERAL_COST + ((<usize>load<u8>(data + i)) << 2));
      if (match !== 0) {
        const first = costOfMatch(i, match);
        if (first < cost) {
          cost = first;
          choice = match;
        }
        const other = load<u32>(list + 4);
        if (other !== 0) {
          const second = costOfMatch(i, other);
          if (second < cost) {
            cost = second;
            choice = other;
          }
        }
      }
    }
    store<i32>(COST + ((<usize>i) << 2), cost);
    store<u32>(CHOICE + ((<usize>i) << 2), choice);
  }
}

function matchesAt(i: i32): usize {
  return MATCHES + <usize>(i * KEPT * 4);
}

/** Sums the costs of a match at `i` and of all that follows it. */
function costOfMatch(i: i32, match: u32): i32 {
  const next = i + lengthOf(match);
  const taken = load<u32>(matchesAt(next));
  return taken >= TAKEN
    ? ownCost(match) + ownCost(taken) + load<i32>(COST + ((<usize>(next + lengthOf(taken))) << 2))
    : ownCost(match) + load<i32>(COST + ((<usize>next) << 2));
}

function ownCost(match: u32): i32 {
  return (
    load<i32>(DISTANCE_COST + ((<usize>symbolOf(match)) << 2)) +
    load<i32>(LENGTH_COST + ((<usize>lengthOf(match)) << 2))
  );
}

/** Reads what was chosen at a position: 0 for a literal. A match may end inside of a taken one. */
function choiceAt(i: i32): u32 {
  const match = load<u32>(matchesAt(i));
  return match >= TAKEN ? match : load<u32>(CHOICE + ((<usize>i) << 2));
}

function increase(at: usize, by: i32 = 1): void {
  store<i32>(at, load<i32>(at) + by);
}

/** Counts the symbols of the chosen sequence. */
function count(data: usize, size: i32): void {
  memory.fill(FREQUENCY, 0, FREQUENCY_BYTES);
  for (let i = 0; i < size;) {
    const choice = choiceAt(i);
    if (choice === 0) {
      increase(FREQUENCY + ((<usize>load<u8>(data + i)) << 2));
      i++;
    } else {
      increase(FREQUENCY + ((257 + <usize>load<u8>(LENGTH_SYMBOL + lengthOf(choice))) << 2));
      increase(FREQUENCY + ((LITERALS + symbolOf(choice)) << 2));
      i += lengthOf(choice);
    }
  }
  increase(FREQUENCY + (END << 2));
}

/**
 * Computes the lengths of Huffman codes (A. Moffat, J. Katajainen, In-place calculation of
 * minimum-redundancy codes, 1995).
 * @param frequencies  u32 [symbols]. If fewer than two symbols occur, others get a code as well.
 * @param lengths      u8 [symbols]: 0 for symbols without a code.
 */
function buildLengths(frequencies: usize, symbols: i32, lengths: usize, maxBits: i32): void {
  let used = 0;
  for (let symbol = 0; symbol < symbols; symbol++) {
    const frequency = load<u32>(frequencies + (symbol << 2));
    if (frequency !== 0) {
      store<u32>(SORTED + (used << 2), (frequency << 9) | symbol);
      used++;
    }
  }
  for (let symbol = 0; used < 2; symbol++) {
    if (load<u32>(frequencies + (symbol << 2)) === 0) {
      store<u32>(SORTED + (used << 2), (1 << 9) | symbol);
      used++;
    }
  }
  sort(used);
  const a = NODES;
  for (let i = 0; i < used; i++) {
    store<u32>(a + (i << 2), load<u32>(SORTED + (i << 2)) >>> 9);
  }
  let root = 0;
  let leaf = 2;
  store<u32>(a, load<u32>(a) + load<u32>(a + 4));
  for (let next = 1; next < used - 1; next++) {
    let sum: u32 = 0;
    for (let half = 0; half < 2; half++) {
      if (
        leaf >= used ||
        (root < next && load<u32>(a + (root << 2)) < load<u32>(a + (leaf << 2)))
      ) {
        sum += load<u32>(a + (root << 2));
        store<u32>(a + (root << 2), next);
        root++;
      } else {
        sum += load<u32>(a + (leaf << 2));
        leaf++;
      }
    }
    store<u32>(a + (next << 2), sum);
  }
  store<u32>(a + ((used - 2) << 2), 0);
  for (let next = used - 3; next >= 0; next--) {
    const at = a + (next << 2);
    store<u32>(at, load<u32>(a + (load<u32>(at) << 2)) + 1);
  }
  memory.fill(COUNTS, 0, 4 * (MAX_BITS + 2));
  let available = 1;
  let depth = 0;
  let inner = used - 2;
  while (available > 0) {
    let nodes = 0;
    while (inner >= 0 && load<i32>(a + (inner << 2)) === depth) {
      nodes++;
      inner--;
    }
    increase(COUNTS + (min(depth, maxBits) << 2), available - nodes);
    available = 2 * nodes;
    depth++;
  }
  // Codes cut to maxBits overfill the code space. Lengthening shorter codes makes room.
  let total = 0;
  for (let length = 1; length <= maxBits; length++) {
    total += load<i32>(COUNTS + (length << 2)) << (maxBits - length);
  }
  for (; total > 1 << maxBits; total--) {
    increase(COUNTS + (maxBits << 2), -1);
    let length = maxBits - 1;
    while (load<u32>(COUNTS + (length << 2)) === 0) {
      length--;
    }
    increase(COUNTS + (length << 2), -1);
    increase(COUNTS + ((length + 1) << 2), 2);
  }
  memory.fill(lengths, 0, symbols);
  let next = 0;
  for (let length = maxBits; length > 0; length--) {
    for (let left = load<i32>(COUNTS + (length << 2)); left > 0; left--) {
      store<u8>(lengths + (load<u32>(SORTED + (next << 2)) & 511), length);
      next++;
    }
  }
}

/** Shell sort of SORTED: by frequency, then by symbol. */
function sort(used: i32): void {
  for (let gap = 57; gap > 0; gap = gap === 57 ? 23 : gap === 23 ? 10 : gap === 10 ? 4 : gap >> 2) {
    for (let i = gap; i < used; i++) {
      const value = load<u32>(SORTED + (i << 2));
      let k = i;
      while (k >= gap && load<u32>(SORTED + ((k - gap) << 2)) > value) {
        store<u32>(SORTED + (k << 2), load<u32>(SORTED + ((k - gap) << 2)));
        k -= gap;
      }
      store<u32>(SORTED + (k << 2), value);
    }
  }
}

/** Builds the canonical codes of some lengths, first bit lowest (RFC 1951, section 3.2.2). */
function buildCodes(lengths: usize, symbols: i32, codes: usize): void {
  memory.fill(COUNTS, 0, 4 * (MAX_BITS + 2));
  for (let symbol = 0; symbol < symbols; symbol++) {
    increase(COUNTS + ((<usize>load<u8>(lengths + symbol)) << 2));
  }
  let code: u32 = 0;
  store<u32>(COUNTS, 0);
  for (let length = 1; length <= MAX_BITS; length++) {
    // The first code of each length replaces their count.
    const at = COUNTS + (length << 2);
    const used = load<u32>(at);
    code <<= 1;
    store<u32>(at, code);
    code += used;
  }
  for (let symbol = 0; symbol < symbols; symbol++) {
    const length = load<u8>(lengths + symbol);
    const at = COUNTS + ((<usize>length) << 2);
    let left = load<u32>(at);
    increase(at);
    let reversed: u32 = 0;
    for (let bit: u8 = 0; bit < length; bit++) {
      reversed = (reversed << 1) | (left & 1);
      left >>>= 1;
    }
    store<u16>(codes + (symbol << 1), reversed);
  }
}

/** Appends bits. @param size  Bits of `value`; together with the waiting bits at most 63. */
function put(value: u64, size: u64): void {
  bits |= value << bitCount;
  bitCount += size;
  store<u64>(target, bits);
  target += <usize>(bitCount >>> 3);
  bits >>>= bitCount & 56;
  bitCount &= 7;
}

/** Pads the last byte with zero bits. */
function flush(): void {
  if (bitCount > 0) {
    put(0, 8 - bitCount);
  }
}

/**
 * Writes a block stored, with fixed codes or with own codes, whichever is shortest.
 * @param fixed  Bits of the block with fixed codes and the sequence that was chosen for them.
 */
function write(data: usize, size: i32, fixed: i32, isLast: bool): void {
  let literals = LITERALS - 2; // The last two have no meaning.
  while (literals > 257 && load<u8>(LENGTH + (literals - 1)) === 0) {
    literals--;
  }
  let distances = DISTANCES;
  while (distances > 1 && load<u8>(LENGTH + (LITERALS + distances - 1)) === 0) {
    distances--;
  }
  const runs = listRuns(literals, distances);
  buildLengths(META, 19, META_LENGTH, 7);
  let metas = 19;
  while (metas > 4 && load<u8>(META_LENGTH + orderOf(metas - 1)) === 0) {
    metas--;
  }
  let header = 14 + 3 * metas;
  for (let symbol = 0; symbol < 19; symbol++) {
    header +=
      load<u32>(META + (symbol << 2)) * (load<u8>(META_LENGTH + symbol) + metaExtra(symbol));
  }
  const own = header + measureBlock();
  const stored = 8 * (size + 5 * ((size + 65_534) / 65_535));
  const last: u64 = isLast ? 1 : 0;
  if (stored <= min(own, fixed)) {
    writeStored(data, size, isLast);
    return;
  }
  if (fixed <= own) {
    put(last | 2, 3);
    chooseForFixed(data, size);
  } else {
    put(last | 4, 3);
    put(literals - 257, 5);
    put(distances - 1, 5);
    put(metas - 4, 4);
    for (let i = 0; i < metas; i++) {
      put(load<u8>(META_LENGTH + orderOf(i)), 3);
    }
    buildCodes(META_LENGTH, 19, META_CODE);
    for (let i = 0; i < runs; i++) {
      const symbol = load<u8>(RUNS + (i << 1));
      put(load<u16>(META_CODE + (symbol << 1)), load<u8>(META_LENGTH + symbol));
      put(load<u8>(RUNS + (i << 1) + 1), metaExtra(symbol));
    }
  }
  buildCodes(LENGTH, LITERALS, CODE);
  buildCodes(LENGTH + LITERALS, DISTANCES, CODE + 2 * LITERALS);
  for (let i = 0; i < size;) {
    const choice = choiceAt(i);
    if (choice === 0) {
      putSymbol(load<u8>(data + i));
      i++;
    } else {
      const length = lengthOf(choice);
      const lengthSymbol = <i32>load<u8>(LENGTH_SYMBOL + length);
      putSymbol(257 + lengthSymbol);
      put(length - lengthBase(lengthSymbol), lengthExtra(lengthSymbol));
      const symbol = symbolOf(choice);
      putSymbol(LITERALS + symbol);
      put(distanceOf(choice) - distanceBase(symbol), distanceExtra(symbol));
      i += length;
    }
  }
  putSymbol(END);
}

function putSymbol(symbol: i32): void {
  put(load<u16>(CODE + (symbol << 1)), load<u8>(LENGTH + symbol));
}

function measureBlock(): i32 {
  let sum = 0;
  for (let symbol = 0; symbol < LITERALS + DISTANCES; symbol++) {
    sum += load<u32>(FREQUENCY + (symbol << 2)) * (load<u8>(LENGTH + symbol) + extraOf(symbol));
  }
  return sum;
}

function extraOf(symbol: i32): i32 {
  return symbol >= LITERALS
    ? distanceExtra(symbol - LITERALS)
    : symbol > END
      ? lengthExtra(symbol - 257)
      : 0;
}

/** RFC 1951, section 3.2.6. */
function fixedLength(symbol: i32): i32 {
  return symbol >= LITERALS ? 5 : symbol < 144 ? 8 : symbol < 256 ? 9 : symbol < 280 ? 7 : 8;
}

function useFixed(): void {
  for (let symbol = 0; symbol < LITERALS + DISTANCES; symbol++) {
    store<u8>(LENGTH + symbol, fixedLength(symbol));
  }
}

function writeStored(data: usize, size: i32, isLast: bool): void {
  for (let done = 0; done < size;) {
    const part = min(65_535, size - done);
    put(isLast && done + part === size ? 1 : 0, 3);
    flush();
    store<u32>(target, part | (~part << 16));
    memory.copy(target + 4, data + done, part);
    target += 4 + part;
    done += part;
  }
}

/** Run-length encodes the code lengths and counts the symbols. @returns  The number of runs. */
function listRuns(literals: i32, distances: i32): i32 {
  memory.fill(META, 0, 4 * 32);
  let runs = 0;
  const end = literals + distances;
  for (let i = 0; i < end;) {
    const length = lengthAt(i, literals);
    let n = 1;
    while (i + n < end && lengthAt(i + n, literals) === length) {
      n++;
    }
    i += n;
    if (length !== 0) {
      addRun(runs++, length, 0);
      n--;
    }
    while (n >= 3) {
      const most = length !== 0 ? 6 : n >= 11 ? 138 : 10;
      const part = min(n, most);
      addRun(runs++, length !== 0 ? 16 : n >= 11 ? 18 : 17, part - (most === 138 ? 11 : 3));
      n -= part;
    }
    for (; n > 0; n--) {
      addRun(runs++, length, 0);
    }
  }
  return runs;
}

function addRun(index: i32, symbol: i32, extra: i32): void {
  store<u8>(RUNS + (index << 1), symbol);
  store<u8>(RUNS + (index << 1) + 1, extra);
  increase(META + (symbol << 2));
}

function lengthAt(i: i32, literals: i32): i32 {
  return load<u8>(LENGTH + (i < literals ? i : LITERALS + i - literals));
}

function metaExtra(symbol: i32): i32 {
  return symbol === 16 ? 2 : symbol === 17 ? 3 : symbol === 18 ? 7 : 0;
}

/** 16 17 18 0 8 7 9 6 10 5 11 4 12 3 13 2 14 1 15. */
function orderOf(i: i32): i32 {
  return i < 3 ? 16 + i : i === 3 ? 0 : i & 1 ? 7 - ((i - 5) >> 1) : 8 + ((i - 4) >> 1);
}
