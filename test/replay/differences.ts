import { strict as assert } from 'node:assert'
import { isDeepStrictEqual } from 'node:util'
import { longPollDifferences } from './longpoll-differences.ts'
import { presenceStateFirst } from './presence-order.ts'
import { isArrival, type Scenario, type Step, type WireEvent } from './transcript.ts'

/** Turns what Phoenix did into what we do. */
export type Change = (steps: readonly Step[]) => readonly Step[]

/**
 * One of our intended differences, with every recorded scenario in which it can be seen. A name that ends with `*` stands for all with
 * this beginning: the difference is seen in those that the change makes another.
 */
export interface Difference {
  readonly what: string
  readonly scenarios: Readonly<Record<string, Change>>
}

/** Why a scenario is not replayed. */
export const leftOut: readonly { readonly prefix: string; readonly because: string }[] = []

const ok = '{"response":{},"status":"ok"}'
const unmatched = '{"response":{"reason":"unmatched topic"},"status":"error"}'
const unknownEvent = '{"response":{"reason":"unknown_event"},"status":"error"}'
const crash = '"phx_error",{"reason":"channel_crash"}'

/** Every difference there is. `docs/protocol.md` gives the reasons. */
export const differences: readonly Difference[] = [
  {
    what: 'a malformed frame closes with 1007 and a reason, not with 1011',
    scenarios: {
      'connect/vsn_1.0.5': closes(1007, 'not an object'),
      'malformed/not_json': closes(1007, 'not JSON'),
      'malformed/empty_text': closes(1007, 'not JSON'),
      'malformed/v1_map_on_v2': closes(1007, 'not an array'),
      'malformed/array_of_4': closes(1007, 'an array of 4, not 5'),
      'malformed/null': closes(1007, 'not an array'),
      'malformed/number': closes(1007, 'not an array'),
      'malformed/string': closes(1007, 'not an array'),
      'malformed/array_of_array': closes(1007, 'an array of 1, not 5'),
      'malformed/trailing_garbage': closes(1007, 'not JSON'),
      'malformed/nan': closes(1007, 'not JSON'),
      'malformed/lone_surrogate': closes(1007, 'a lone surrogate'),
      'malformed/bom': closes(1007, 'a byte order mark'),
      'malformed/topic_object_join': closes(1007, 'a topic that is no string'),
      'malformed/others_see_presence_leave': closes(1007, 'not JSON'),
      'binary/malformed_empty_frame': closes(1007, 'a binary frame without a header'),
      'binary/malformed_kind_1': closes(1007, 'binary kind 1'),
      'binary/malformed_kind_2': closes(1007, 'binary kind 2'),
      'binary/malformed_lengths_past_the_end': closes(1007, 'a binary length past the end'),
      'binary/malformed_non_utf8_topic': closes(1007, 'a binary header that is not UTF-8'),
      'v1/malformed_array_frame': closes(1007, 'not an object'),
      'v1/malformed_missing_ref': closes(1007, 'no ref'),
      'v1/malformed_missing_topic': closes(1007, 'no topic'),
    },
  },
  {
    what: 'an event that the channel does not declare is answered, and the channel lives',
    scenarios: {
      'push/unknown_event_crashes_channel': receives({
        [`["1","1","room:p",${crash}]`]: [`["1","2","room:p","phx_reply",${unknownEvent}]`],
        [`[null,"90","room:p","phx_reply",${unmatched}]`]: [`["1","90","room:p","phx_reply",${ok}]`],
        '["9","9","room:p","phx_reply",{"response":{"topic":"room:p"},"status":"ok"}]': [
          '["9","9","room:p","phx_reply",{"response":{"topic":"room:p"},"status":"ok"}]',
          '["1","1","room:p","phx_close",{}]',
        ],
      }),
      'push/event_null': receives({
        [`["1","1","room:p",${crash}]`]: [`["1","2","room:p","phx_reply",${unknownEvent}]`],
        [`[null,"90","room:p","phx_reply",${unmatched}]`]: [`["1","90","room:p","phx_reply",${ok}]`],
      }),
      'push/event_number': receives({
        [`["1","1","room:p",${crash}]`]: [`["1","2","room:p","phx_reply",${unknownEvent}]`],
      }),
    },
  },
  {
    what: 'a slow join holds up its own topic only',
    scenarios: { 'join/slow_join_blocks_the_whole_socket': answersLast('room:slow', 87) },
  },
  {
    what: 'an idle client is closed with 1001 and a reason, not with 1002',
    scenarios: {
      'ws/idle_timeout': closes(1001, 'idle timeout'),
      'ws/idle_timeout_never_sent_anything': closes(1001, 'idle timeout'),
      'ws/idle_timeout_with_server_traffic_only': closes(1001, 'idle timeout'),
    },
  },
  {
    what: 'a binary broadcast passes by subscribers of V1, and does not crash the broadcaster',
    scenarios: { 'binary/v1_server_sends_binary': receives({ [`["1","1","room:bv1",${crash}]`]: [] }) },
  },
  {
    what: 'a topic over 255 bytes is refused when it is joined, not when it is used',
    scenarios: { 'binary/broadcast_with_topic_over_255_bytes': topicTooLong },
  },
  {
    what: 'the state of presence comes before the diff of the joiner itself',
    scenarios: {
      'presence/single_join': presenceStateFirst,
      'presence/two_tabs_same_key': presenceStateFirst,
      'presence/update': presenceStateFirst,
      'presence/leave': presenceStateFirst,
      'presence/crash': presenceStateFirst,
      'presence/stop': presenceStateFirst,
      'presence/untrack_stays_joined': presenceStateFirst,
      'presence/track_same_key_twice': presenceStateFirst,
      'presence/duplicate_join_same_socket': presenceStateFirst,
      'presence/quick_join_leave': presenceStateFirst,
      'presence/http_list': presenceStateFirst,
      'presence/v1': presenceStateFirst,
      'presence/reconnect_before_old_socket_is_gone': presenceStateFirst,
      'malformed/others_see_presence_leave': presenceStateFirst,
      'ws/client_close_others_see_leave': presenceStateFirst,
      'ws/tcp_reset_others_see_leave': presenceStateFirst,
      'disconnect/others_see_presence_leave': presenceStateFirst,
    },
  },
  {
    what: 'the changes of presence in one turn of the event loop are one diff',
    scenarios: {
      'presence/duplicate_join_same_socket': receives({
        '[null,null,"presence:dj","presence_diff",{"joins":{},"leaves":{"p1":{"metas":[{"phx_ref":"GOnr00yd19rdN0Th","n":1}]}}}]':
          [],
        '[null,null,"presence:dj","presence_diff",{"joins":{"p1":{"metas":[{"phx_ref":"GOnr02Oxp6PdN0UB","n":2}]}},"leaves":{}}]':
          [
            '[null,null,"presence:dj","presence_diff",{"joins":{"p1":{"metas":[{"phx_ref":"GOnr02Oxp6PdN0UB","n":2}]}},"leaves":{"p1":{"metas":[{"phx_ref":"GOnr00yd19rdN0Th","n":1}]}}}]',
          ],
      }),
    },
  },
  {
    what: 'a meta may not bring a phx_ref of its own: the name is refused where it is tracked',
    scenarios: { 'presence/meta_with_own_phx_ref': metaRefused },
  },
  {
    what: 'the limit of a message holds for all its fragments together',
    scenarios: { 'ws/max_frame_size_fragmented': lastBecomes(close(1009, '')) },
  },
  {
    what: 'the server refuses to send the events of the protocol in its own name',
    scenarios: { 'broadcast/endpoint_with_protocol_event_names': broadcastsRefused },
  },
  {
    what: 'what is no WebSocket handshake gets 426, or 400 with a text of another wording',
    scenarios: {
      'connect/plain_http_get_no_upgrade': answers(426, ''),
      'connect/bad_websocket_version': answers(400, 'Missing or invalid Sec-WebSocket-Version header'),
      'connect/no_websocket_key': answers(400, 'Missing or invalid Sec-WebSocket-Key header'),
    },
  },
  {
    what: 'an authToken that is not base64 is the fault of the client: 400, not 500',
    scenarios: { 'connect/auth_token_bad_base64': answers(400, '{"errors":{"detail":"Bad Request"}}') },
  },
  {
    what: 'not ours: the recorded application prints terms of Elixir',
    scenarios: {
      'connect/auth_token_absent': lastBecomes(
        received('["1","1","room:info","phx_reply",{"response":{"user":"anon","auth":null},"status":"ok"}]'),
      ),
      'connect/connect_params_nested': lastBecomes(
        received('["1","1","room:cp","phx_reply",{"response":{"user":"a b","auth":null},"status":"ok"}]'),
      ),
      'join/assigns_of_channel_declaration': lastBecomes(
        received(
          '["1","1","never:1","phx_reply",{"response":{"user":"u1","auth":null,"from":"assigns"},"status":"ok"}]',
        ),
      ),
      'presence/track_same_key_twice': lastBecomes(
        received(
          '["1","2","presence:tw","phx_reply",{"response":{"reason":"BERYL_ERR_PRESENCE_TRACKED"},"status":"error"}]',
        ),
      ),
    },
  },
  {
    what: 'not ours: the requests that make the server speak are not in the recording',
    scenarios: { 'ws/idle_timeout_with_server_traffic_only': broadcastBefore('room:idle2', 'e') },
  },
  ...longPollDifferences,
]

/** The scenario as it is with us, and the differences which that took. */
export function expected(scenario: Scenario): { scenario: Scenario; because: readonly string[] } {
  const because: string[] = []
  let { steps } = scenario
  for (const { what, scenarios } of differences) {
    for (const [name, change] of Object.entries(scenarios)) {
      if (!isNamed(scenario, name)) continue
      const changed = change(steps)
      if (isDeepStrictEqual(changed, steps)) {
        assert.notEqual(name, scenario.name, `${scenario.name}: "${what}" changes nothing`)
        continue
      }
      steps = changed
      because.push(what)
    }
  }
  return { scenario: { ...scenario, steps }, because }
}

/** True where a name of a difference is that of a scenario, or the beginning of it. */
export function isNamed(scenario: Scenario, name: string): boolean {
  return name.endsWith('*') ? scenario.name.startsWith(name.slice(0, -1)) : scenario.name === name
}

// Changes

function close(code: number, reason: string): WireEvent {
  return { t: 'close', code, reason, by: 'server' }
}

function received(text: string): WireEvent {
  return { t: 'recv', text }
}

function closes(code: number, reason: string): Change {
  return (steps) =>
    steps.map((step) =>
      step.t === 'close' && step.by === 'server' ? { ...step, ...close(code, reason) } : step,
    )
}

/** Replaces each text by others; every one must have been recorded. */
function receives(replacements: Readonly<Record<string, readonly string[]>>): Change {
  return (steps) => {
    for (const recorded of Object.keys(replacements)) {
      assert.ok(
        steps.some((step) => step.t === 'recv' && 'text' in step && step.text === recorded),
        recorded,
      )
    }
    return steps.flatMap((step) => {
      const texts = step.t === 'recv' && 'text' in step ? replacements[step.text] : undefined
      return texts === undefined ? [step] : texts.map((text) => ({ ...step, text }) as Step)
    })
  }
}

/** Events that were recorded behind the answer for a topic come at `ms`, before it. */
function answersLast(topic: string, ms: number): Change {
  return (steps) => {
    const at = steps.findIndex((step) => step.t === 'recv' && 'text' in step && step.text.includes(topic))
    const end = steps.findIndex((step, index) => index > at && !isArrival(step))
    const freed = steps.slice(at + 1, end).map((step) => ({ ...step, ms }))
    return [...steps.slice(0, at), ...freed, steps[at] as Step, ...steps.slice(end)]
  }
}

function answers(status: number, body: string): Change {
  return (steps) =>
    steps.map((step) => (step.t === 'refused' || step.t === 'http_recv' ? { ...step, status, body } : step))
}

function topicTooLong(steps: readonly Step[]): readonly Step[] {
  const topic = /"(room:x+)"/.exec(steps.map((step) => ('text' in step ? step.text : '')).join())?.[1]
  const texts = [
    `["1","1","${topic}","phx_reply",{"response":{"reason":"topic_too_long"},"status":"error"}]`,
    `[null,"2","${topic}","phx_reply",${unmatched}]`,
  ]
  return steps.map((step) => (step.t === 'recv' ? ({ ...step, text: texts.shift() } as Step) : step))
}

/** The join is answered, its callback fails where it tracks, and the channel with it. */
function metaRefused(steps: readonly Step[]): readonly Step[] {
  const told = steps.filter((step) => step.t === 'recv' && 'text' in step && step.text.includes('"mine"'))
  const crashed = { ...told[0], text: `["1","1","presence:pr",${crash}]` } as Step
  return steps.flatMap((step) => (step === told[0] ? [crashed] : told.includes(step) ? [] : [step]))
}

/** In the place of the last frame that was recorded. */
function lastBecomes(event: WireEvent): Change {
  return (steps) => {
    const last = steps.findLastIndex((step) => step.t === 'recv')
    return steps.map((step, index) => (index === last ? { ms: step.ms, s: 'A', ...event } : step))
  }
}

function broadcastsRefused(steps: readonly Step[]): readonly Step[] {
  return steps
    .filter((step) => !(step.t === 'recv' && 'text' in step && step.text.startsWith('[null,null,')))
    .map((step) =>
      step.t === 'http_recv'
        ? { ...step, status: 500, body: '{"errors":{"detail":"Internal Server Error"}}' }
        : step,
    )
}

function broadcastBefore(topic: string, event: string): Change {
  const path = `/control?topic=${topic}&event=${event}`
  return (steps) =>
    steps.flatMap((step) => {
      if (step.t !== 'recv' || !('text' in step) || !step.text.startsWith('[null,null,')) return [step]
      const { ms } = step
      return [
        { ms, s: 'H', t: 'http_send', method: 'POST', path },
        { ms, s: 'H', t: 'http_recv', status: 200, body: '{"ok":true}' },
        step,
      ]
    })
}
