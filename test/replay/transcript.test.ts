import { strict as assert } from 'node:assert'
import { after, before, test } from 'node:test'
import { differences, expected, isNamed, leftOut } from './differences.ts'
import { play } from './player.ts'
import { RecordedServer } from './recorded-server.ts'
import { readTranscript, type Scenario, transcriptPath } from './transcript.ts'

const scenarios = readTranscript()

if (scenarios === undefined) {
  test('recorded frames of a Phoenix server', {
    skip: `no transcript at ${transcriptPath} (BERYL_TRANSCRIPTS)`,
  })
} else {
  replay(scenarios)
}

/** Each scenario is a test; the last one prints what came of all. */
function replay(all: readonly Scenario[]): void {
  let server: RecordedServer
  before(async () => {
    server = await RecordedServer.start()
  })
  after(() => server.stop())

  const outcomes = new Map<string, string[]>()
  const note = (outcome: string, name: string): void => {
    outcomes.set(outcome, [...(outcomes.get(outcome) ?? []), name])
  }

  for (const recorded of all) {
    const reason = leftOut.find(({ prefix }) => recorded.name.startsWith(prefix))?.because
    if (reason !== undefined) {
      note(`left out: ${reason}`, recorded.name)
      continue
    }
    const { scenario, because } = expected(recorded)
    const title = `${recorded.name} answers as Phoenix does${because.map((what) => `, but: ${what}`).join('')}`
    test(title, async () => {
      await play(server, scenario)
      if (because.length === 0) note('equal', recorded.name)
      for (const what of because) note(`intended difference: ${what}`, recorded.name)
    })
  }

  test('every intended difference is seen in a recorded scenario', () => {
    const seen = new Set(all.flatMap((recorded) => expected(recorded).because))
    for (const { what, scenarios } of differences) {
      assert.ok(seen.has(what), what)
      for (const name of Object.keys(scenarios))
        assert.ok(
          all.some((recorded) => isNamed(recorded, name)),
          `${what}: no scenario ${name}`,
        )
    }
  })

  test('report', (t) => {
    const equal = outcomes.get('equal')?.length ?? 0
    const different = new Set(
      [...outcomes].flatMap(([what, names]) => (what.startsWith('intended') ? names : [])),
    )
    const out = all.filter(({ name }) => leftOut.some(({ prefix }) => name.startsWith(prefix))).length
    t.diagnostic(
      `${all.length} scenarios: ${equal + different.size} replayed (${equal} equal, ${different.size} with intended differences), ${out} left out`,
    )
    for (const [outcome, names] of outcomes) {
      if (outcome !== 'equal') t.diagnostic(`${names.length} ${outcome}: ${names.join(', ')}`)
    }
    assert.equal(equal + different.size + out, all.length)
  })
}
