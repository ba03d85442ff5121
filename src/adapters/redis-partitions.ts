import { crc32 } from 'node:zlib'
import { CONTROL, nodeTopic } from '../pubsub/sender.ts'

/** Topics of one partition lie in one slot, so that one command subscribes to many. The number is part of the format. */
export const PARTITIONS = 256
const NODES = nodeTopic('')

/** The partition of a topic; `undefined` for the talk of nodes, which goes to every server of a cluster. */
export function partitionOf(topic: string): number | undefined {
  return topic === CONTROL || topic.startsWith(NODES) ? undefined : crc32(topic) % PARTITIONS
}

/** The part of a name that decides upon its slot. */
export function tagOf(partition: number): string {
  return `{p${partition}}`
}

/** The slot of each partition. */
export const SLOTS: readonly number[] = Array.from({ length: PARTITIONS }, (_, n) => slotOf(`p${n}`))

/** As Redis: CRC-16 in its XMODEM variant, of 16,384 slots. */
function slotOf(text: string): number {
  let crc = 0
  for (const byte of Buffer.from(text)) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021
  }
  return crc & 0x3fff
}
