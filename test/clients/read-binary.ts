import assert from 'node:assert/strict'
import { samplesOf } from '../docs/samples.ts'

/** The module of docs/longpoll.md with which phoenix.js reads bytes. */
export function readBinaryModule(): string {
  const sample = samplesOf('docs/longpoll.md').find(({ name }) => name === 'decode.js')
  assert.ok(sample)
  return sample.code
}

export async function readBinary(): Promise<(socket: object) => void> {
  const module: { readBinary: (socket: object) => void } = await import(
    `data:text/javascript,${encodeURIComponent(readBinaryModule())}`
  )
  return module.readBinary
}
