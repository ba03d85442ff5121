import type { Codec } from './message.ts'
import { v1 } from './v1.ts'
import { v2 } from './v2.ts'

/** Every codec, by its index. */
export const codecs: readonly Codec[] = [v1, v2]

/**
 * The codec for the `vsn` parameter of a connection: `1.0.x` or `2.0.x`, V1 where there is none (as in Phoenix), and
 * `undefined` where it is anything else, a pre-release included.
 */
export function negotiate(vsn: unknown): Codec | undefined {
  if (vsn === undefined) return v1
  if (typeof vsn !== 'string') return undefined
  if (/^1\.0\.\d+$/.test(vsn)) return v1
  if (/^2\.0\.\d+$/.test(vsn)) return v2
  return undefined
}
