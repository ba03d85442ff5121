/** True for a `Uint8Array`, also of another realm: a frame of a page, a context of node:vm, a test of Jest. */
export function isBytes(value: unknown): value is Uint8Array {
  return ArrayBuffer.isView(value) && Object.prototype.toString.call(value) === '[object Uint8Array]'
}
