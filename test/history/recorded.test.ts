import { after, before, test } from 'node:test'
import { expected, leftOut } from '../replay/differences.ts'
import { play } from '../replay/player.ts'
import { RecordedServer } from '../replay/recorded-server.ts'
import { readTranscript, transcriptPath } from '../replay/transcript.ts'

// The frames that were recorded of a real Phoenix server, by clients that know nothing of histories, on channels that have one.

const scenarios = readTranscript()
const isKept = (name: string): boolean => !leftOut.some(({ prefix }) => name.startsWith(prefix))

if (scenarios === undefined) {
  test('recorded frames of a Phoenix server', {
    skip: `no transcript at ${transcriptPath} (BERYL_TRANSCRIPTS)`,
  })
} else {
  let server: RecordedServer
  before(async () => {
    server = await RecordedServer.start(true)
  })
  after(() => server.stop())

  // It broadcasts bytes with an event that is logged here: a log keeps none.
  const bytes = 'binary/event_without_binary_clause'
  for (const recorded of scenarios.filter(({ name }) => isKept(name)))
    test(
      `H4 ${recorded.name} answers with a history as without`,
      { skip: recorded.name === bytes && 'a log keeps no bytes' },
      () => play(server, expected(recorded).scenario),
    )
}
