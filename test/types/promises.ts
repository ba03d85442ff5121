import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import type { Complaint } from '../support/compile.ts'

/** The words that the compiler must say of the lines that follow a comment, up to the next one. */
export interface Promised {
  readonly sentences: string[]
  readonly from: number
  to: number
}

const MARK = /^\s*\/\/ refused: (.+)$/

/** The promises of a file, which stands in this folder. */
export function promisesOf(file: string): Promised[] {
  const promises: Promised[] = []
  const lines = readFileSync(new URL(file, import.meta.url), 'utf8').split('\n')
  lines.forEach((line, index) => {
    const sentence = MARK.exec(line)?.[1]
    const last = promises.at(-1)
    if (sentence !== undefined && last?.from === index) promises.pop()
    const sentences = last?.from === index ? last.sentences : []
    if (sentence !== undefined)
      promises.push({ sentences: [...sentences, sentence], from: index + 1, to: index + 1 })
    else if (last !== undefined) last.to = index + 1
  })
  return promises
}

export function holds({ sentences, from, to }: Promised, complaints: readonly Complaint[]): void {
  const said = complaints.filter(({ line }) => line > from && line <= to)
  assert.equal(said.length, 1, `wanted one complaint for "${sentences.join('", "')}", got ${said.length}`)
  for (const sentence of sentences) {
    assert.ok(said[0]?.text.includes(sentence), `wanted "${sentence}" in:\n${said[0]?.text}`)
  }
}
