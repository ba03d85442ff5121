import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type Compiler, type Complaint, compile, compilers } from '../support/compile.ts'

// Compiles the projects beside this file: `accepted.ts` without a complaint, `refused.ts` with exactly those that the
// comments in it promise.

const projects = ['channels', 'registered', 'modules', 'unregistered', 'testing']

for (const compiler of compilers) {
  for (const project of projects) {
    test(`TypeScript ${compiler.name} accepts and refuses what the project "${project}" says`, async (t) => {
      const complaints = await complaintsOf(compiler, project)
      assert.deepEqual(complaints('accepted.ts'), [])
      const promises = promisesOf(`projects/${project}/refused.ts`)
      assert.ok(promises.length > 5)
      for (const promise of promises) holds(promise, complaints('refused.ts'))
      t.diagnostic(`${promises.length} refusals, each with the sentence that is promised`)
    })
  }
}

async function complaintsOf(compiler: Compiler, project: string): Promise<(file: string) => Complaint[]> {
  const all = await compile(compiler, fileURLToPath(new URL(`projects/${project}`, import.meta.url)))
  return (file) => all.filter((complaint) => complaint.file.endsWith(`/${file}`))
}

/** The words that the compiler must say of the lines that follow a comment, up to the next one. */
interface Promised {
  readonly sentences: string[]
  readonly from: number
  to: number
}

const MARK = /^\s*\/\/ refused: (.+)$/

function promisesOf(file: string): Promised[] {
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

function holds({ sentences, from, to }: Promised, complaints: readonly Complaint[]): void {
  const said = complaints.filter(({ line }) => line > from && line <= to)
  assert.equal(said.length, 1, `wanted one complaint for "${sentences.join('", "')}", got ${said.length}`)
  for (const sentence of sentences) {
    assert.ok(said[0]?.text.includes(sentence), `wanted "${sentence}" in:\n${said[0]?.text}`)
  }
}
