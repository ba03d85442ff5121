import { after, before, describe, test } from 'node:test'
import { expected } from './differences.ts'
import { play } from './player.ts'
import { byPolls, PollingClient } from './polling-client.ts'
import { RecordedServer } from './recorded-server.ts'
import { rows } from './rows.ts'
import { readTranscript, type Scenario, transcriptPath } from './transcript.ts'

// A channel does not know by which way its client came: what was recorded of WebSockets holds for one who polls.

/** Why a scenario is none for polls. */
const leftOut: readonly { readonly name: RegExp; readonly because: string }[] = [
  { name: /^push\/too_large/, because: 'a body that is too long is 413, and its session lives' },
  {
    name: /^(malformed\/(empty_text|binary_empty)|binary\/malformed_empty_frame)$/,
    because: 'a body of nothing is 400, and its session lives',
  },
  { name: /reconnect_before_old_socket_is_gone/, because: 'one who polls no more is gone later' },
]

const recorded = readTranscript()?.map((scenario) => expected(scenario).scenario)

describe('W109 by polls, as over a WebSocket', () => {
  let server: RecordedServer
  before(async () => {
    server = await RecordedServer.start()
  })
  after(() => server.stop())

  if (recorded === undefined)
    test('recorded frames of a Phoenix server', {
      skip: `no transcript at ${transcriptPath} (BERYL_TRANSCRIPTS)`,
    })
  for (const scenario of [...(recorded ?? []), ...rows].filter(isOfFrames)) {
    const skip = leftOut.find(({ name }) => name.test(scenario.name))?.because ?? false
    test(scenario.name, { skip }, () => play(server, byPolls(scenario), PollingClient))
  }
})

/** True where clients do nothing but send frames, and go. */
function isOfFrames({ name, steps }: Scenario): boolean {
  return (
    !/^(connect|ws|longpoll)\//.test(name) &&
    steps.every(({ t }) => !/^(send_|client_close|refused)/.test(t)) &&
    steps.some(({ t }) => t === 'connect')
  )
}
