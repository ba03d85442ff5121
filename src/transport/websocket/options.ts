import { refuseOption, section, whole } from '../../ground/option-checks.ts'

/** permessage-deflate of which nothing is kept for a connection, and each broadcast is compressed once. */
export interface SharedCompression {
  readonly mode: 'shared'
  /** Messages of fewer bytes travel as they are. @default 1024 */
  readonly thresholdBytes?: number | undefined
}

/** The option `compression` checked: off, ws's own, or shared. */
export type ResolvedCompression = boolean | ResolvedSharedCompression

export interface ResolvedSharedCompression {
  readonly thresholdBytes: number
}

const NAMES: readonly (keyof SharedCompression)[] = ['mode', 'thresholdBytes']
const WANTED = "a boolean, 'shared', or { mode: 'shared', thresholdBytes }"

/** @throws `BERYL_ERR_OPTION_INVALID` */
export function resolveCompression(value: unknown): ResolvedCompression {
  if (value === undefined) return false
  if (typeof value === 'boolean') return value
  if (value !== 'shared' && (typeof value !== 'object' || value === null))
    return refuseOption('compression', WANTED, value)
  const given = section('compression', value === 'shared' ? { mode: value } : value, NAMES)
  if (given.mode !== 'shared') refuseOption('compression.mode', "'shared'", given.mode)
  return Object.freeze({
    thresholdBytes: whole('compression.thresholdBytes', given.thresholdBytes, 1_024, 1),
  })
}
