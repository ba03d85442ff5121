import type { Difference } from './differences.ts'
import type { Step } from './transcript.ts'

// The answers to a poller that are other than those of Phoenix. `docs/longpoll.md` gives the reasons.

type Answer = Step & { readonly t: 'http_recv' }
type Change = (steps: readonly Step[]) => readonly Step[]

const HEARTBEATS = Array.from({ length: 120 }, (_, index) => `[null,"${index + 1}","phoenix","heartbeat",{}]`)
const BEATEN = HEARTBEATS.slice(0, 100).map((_, index) =>
  JSON.stringify([null, `${index + 1}`, 'phoenix', 'phx_reply', { response: {}, status: 'ok' }]),
)

export const longPollDifferences: readonly Difference[] = [
  {
    what: 'not ours: the recording cut the body, and left the poll behind it out',
    scenarios: { 'longpoll/ndjson_batch_over_100': beatOften },
  },
  {
    what: 'a batch of more than 100 lines is told that the rest was not taken',
    scenarios: { 'longpoll/ndjson_batch_over_100': answersPost(413, '{"status":413,"taken":100}') },
  },
  {
    what: 'a line that is no base64 is the fault of the client: 400, not 500',
    scenarios: { 'longpoll/ndjson_bad_base64': answersPost(400, '{"status":400}') },
  },
  {
    what: 'a body may be as long as one message, or a hundred, and not always 8 MB',
    scenarios: { 'longpoll/body_over_8mb': answersPost(200, '{"status":200}') },
  },
  {
    what: 'a binary frame is given in base64, as its own client sends it, so that none is lost',
    scenarios: { 'longpoll/server_sends_ascii_binary': inBase64 },
  },
  {
    what: 'a POST is answered when its frames are taken, and waits for no join',
    scenarios: {
      'longpoll/slow_join_delays_post': answersPostAt(1),
      'longpoll/join_slower_than_window': answeredByPoll,
    },
  },
  {
    what: 'a client has one poll at a time: the older one ends when the newer one comes',
    scenarios: { 'longpoll/two_polls_at_once': olderEndsFirst },
  },
  {
    what: 'each answer with messages has a token of its own, which names the last of them',
    scenarios: { 'longpoll/*': newTokens },
  },
  {
    what: 'CORS is as checkOrigin says: the origin itself where there is one, and never a star',
    scenarios: { 'longpoll/*': ownOrigin },
  },
]

/** The answer to each POST of a poller, by where it stands. */
function postAnswers(steps: readonly Step[]): Set<Step> {
  const isPost = (step: Step | undefined): boolean => step?.t === 'http_send' && step.method === 'POST'
  return new Set(steps.filter((_, index) => isPost(steps[index - 1])))
}

function answersPost(status: number, body: string): Change {
  return (steps) => {
    const answers = postAnswers(steps)
    return steps.map((step) => (answers.has(step) ? { ...(step as Answer), status, body } : step))
  }
}

function answersPostAt(ms: number): Change {
  return (steps) => {
    const answers = postAnswers(steps)
    return steps.map((step) => (answers.has(step) ? { ...step, ms } : step))
  }
}

function beatOften(steps: readonly Step[]): readonly Step[] {
  const opened = steps.find((step) => step.t === 'http_recv') as Answer
  const posted = steps.find((step) => step.t === 'http_send' && step.method === 'POST') as Step & {
    t: 'http_send'
  }
  const { s, path } = posted
  const polled: Step = { ms: 19, t: 'http_send', s, method: 'GET', path }
  const body = JSON.stringify({ messages: BEATEN, status: 200, token: tokenIn(opened) })
  return [
    ...steps
      .filter(({ t }) => t !== 'note')
      .map((step) => (step === posted ? { ...posted, body: HEARTBEATS.join('\n') } : step)),
    polled,
    { ...opened, ms: 19, body },
  ]
}

function inBase64(steps: readonly Step[]): readonly Step[] {
  return withMessages(steps, (message) =>
    message.startsWith('[') ? message : Buffer.from(message).toString('base64'),
  )
}

function withMessages(steps: readonly Step[], change: (message: string) => string): readonly Step[] {
  return steps.map((step) => {
    if (step.t !== 'http_recv' || !step.body.startsWith('{"messages"')) return step
    const answer = JSON.parse(step.body) as { messages: string[] }
    return { ...step, body: JSON.stringify({ ...answer, messages: answer.messages.map(change) }) }
  })
}

/** The poll that was blocked by the join gets its reply, and the next one nothing. */
function answeredByPoll(steps: readonly Step[]): readonly Step[] {
  const polls = steps.filter((step): step is Answer => step.t === 'http_recv' && step.ms > 1_000)
  const [blocked, gone] = polls as [Answer, Answer]
  const reply = '["1","1","room:lps","phx_reply",{"response":{"slow":900},"status":"ok"}]'
  const token = tokenIn(blocked)
  const changed = new Map<Step, Step>([
    [blocked, { ...blocked, ms: 906, body: JSON.stringify({ messages: [reply], status: 200, token }) }],
    [gone, { ...gone, ms: 1_910, body: JSON.stringify({ messages: [], status: 204, token }) }],
  ])
  return answersPost(200, '{"status":200}')(answersPostAt(6)(steps.map((step) => changed.get(step) ?? step)))
}

function olderEndsFirst(steps: readonly Step[]): readonly Step[] {
  const ended = steps.find((step) => step.t === 'http_recv' && step.s === 'poll1') as Step
  const newer = steps.findIndex((step) => step.t === 'http_send' && step.s === 'poll2')
  const ms = (steps[newer] as Step).ms
  return [
    ...steps.slice(0, newer + 1),
    { ...ended, ms },
    ...steps.slice(newer + 1).filter((step) => step !== ended),
  ]
}

/**
 * The second answer with a token and all behind it have another, but for one that ends a poll at once and carries nothing; a request shows
 * that of the last answer.
 */
function newTokens(steps: readonly Step[]): readonly Step[] {
  const latest = new Map<string, string>()
  let askedAt = 0
  return steps.map((step) => {
    if (step.t === 'http_send') {
      askedAt = step.ms
      return { ...step, path: replaced(step.path, latest) }
    }
    const token = step.t === 'http_recv' ? tokenIn(step) : undefined
    if (step.t !== 'http_recv' || token === undefined) return step
    const before = latest.get(token)
    const isSame = step.ms === askedAt && step.body.startsWith('{"messages":[],"status":204')
    latest.set(token, before === undefined ? token : isSame ? before : `${before}-`)
    return { ...step, body: step.body.replace(token, latest.get(token) as string) }
  })
}

function replaced(path: string, latest: ReadonlyMap<string, string>): string {
  const shown = /token=(SFMyNTY[^&]*)/.exec(path)?.[1] ?? ''
  return path.replace(`token=${shown}`, `token=${latest.get(shown) ?? shown}`)
}

function tokenIn({ body }: Answer): string | undefined {
  return /"token":"([^"]*)"/.exec(body)?.[1]
}

function ownOrigin(steps: readonly Step[]): readonly Step[] {
  let origin = ''
  return steps.map((step) => {
    if (step.t === 'http_send') origin = step.headers?.origin ?? ''
    if (step.t !== 'http_recv' || step.headers?.['access-control-allow-origin'] !== '*') return step
    return { ...step, headers: { ...step.headers, 'access-control-allow-origin': origin } }
  })
}
