import { createHmac, timingSafeEqual } from 'node:crypto'

/**
 * The epoch as a client has it: opaque to the client, and its own.
 *
 *     epoch ~ floor ~ connection,connection,… ~ MAC over the topic and all before it
 *
 * The floor is the offset of the client's first join: what came before is not the client's to have. The connections are this
 * one and up to three before it: what they excluded stays excluded.
 */
export interface ClientEpoch {
  readonly epoch: string
  readonly floor: number
  /** The latest first. */
  readonly connections: readonly string[]
}

/** A client that comes back for the fourth time may hear what its first connection excluded. */
export const CONNECTIONS = 4
/** A longer text is no epoch: nothing is computed for it. */
export const MAX_EPOCH_BYTES = 512

export function writeEpoch({ epoch, floor, connections }: ClientEpoch, topic: string, key: string): string {
  const text = `${epoch}~${floor.toString(36)}~${connections.slice(0, CONNECTIONS).join(',')}`
  return `${text}~${macOf(text, topic, key).toString('base64url')}`
}

/** `undefined` for what was not written with this key for this topic. */
export function readEpoch(given: string, topic: string, key: string): ClientEpoch | undefined {
  const end = given.lastIndexOf('~')
  const text = given.slice(0, Math.max(0, end))
  const mac = Buffer.from(given.slice(end + 1), 'base64url')
  const right = macOf(text, topic, key)
  if (mac.length !== right.length || !timingSafeEqual(mac, right)) return undefined
  const [epoch, floor, connections] = text.split('~') as [string, string, string]
  return { epoch, floor: Number.parseInt(floor, 36), connections: connections.split(',') }
}

function macOf(text: string, topic: string, key: string): Buffer {
  return createHmac('sha256', key).update(`${topic}\0${text}`).digest().subarray(0, 16)
}
