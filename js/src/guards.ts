/**
 * The guards: a value of unknown make becomes a typed one, or is refused.
 *
 * Owns: what is a text, a count, a size, a list of buffers, and how large each may be. Pure, and nothing here
 * throws: a kernel can send anything, and a saved notebook can hold anything.
 * Must not know: which traits and messages there are.
 */

export type Bytes = Uint8Array<ArrayBuffer>;

/** The buffers of a message, if there are exactly that many and none is empty. */
export function bytesOf(buffers: unknown, count: number): Bytes[] | null {
  if (!Array.isArray(buffers) || buffers.length !== count) return null;
  const all = buffers.map(viewOf).filter((one) => one !== null);
  return all.length === count ? all : null;
}

/** Hosts hand over a DataView (JupyterLab), an ArrayBuffer or a typed array. Null if empty. */
function viewOf(buffer: unknown): Bytes | null {
  if (ArrayBuffer.isView(buffer)) {
    const { buffer: memory, byteOffset, byteLength } = buffer as ArrayBufferView<ArrayBuffer>;
    return byteLength > 0 ? new Uint8Array(memory, byteOffset, byteLength) : null;
  }
  // By name, since the host may have made it in another realm (a frame, a worker).
  if (Object.prototype.toString.call(buffer) !== "[object ArrayBuffer]") return null;
  const memory = buffer as ArrayBuffer;
  return memory.byteLength > 0 ? new Uint8Array(memory) : null;
}

/** A longer text would freeze the page that lays it out; the kernel keeps the whole of it. */
const MAX_TEXT = 20_000;
/** No picture is larger; a forged size must not make the browser allocate gigabytes. */
const MAX_SIDE = 8192;

/** An object of unknown make, of whose fields nothing is known either. */
export const isObject = <Field extends string>(value: unknown): value is Partial<Record<Field, unknown>> =>
  typeof value === "object" && value !== null;
export const isNumber = (value: unknown): value is number =>
  typeof value === "number" && Math.abs(value) < 1e15;
export const isCount = (value: unknown): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 0;
export const isSide = (value: unknown): value is number => isCount(value) && value > 0 && value <= MAX_SIDE;

/** A number above zero, else zero. */
export const amount = (value: unknown) => (isNumber(value) && value > 0 ? value : 0);
export const count = (value: unknown) => Math.floor(amount(value));
export const text = (value: unknown) => (typeof value === "string" ? value.slice(0, MAX_TEXT) : "");
/** Of a list of known words. */
export const oneOf = <Word>(words: readonly Word[], value: unknown, otherwise: Word): Word =>
  words.find((known) => known === value) ?? otherwise;

export function size(value: unknown): [number, number] {
  const [width, height] = Array.isArray(value) ? (value as unknown[]) : [];
  return isCount(width) && isCount(height) && width > 0 && height > 0 ? [width, height] : [16, 9];
}

/** How the poster's base64 data begins; safe inside a CSS string, or empty. */
export function posterMark(value: unknown): string {
  return typeof value === "string" && /^[A-Za-z0-9+/=]{1,128}$/.test(value) ? value : "";
}
