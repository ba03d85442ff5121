import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** One line of a transcript: what a client did, and what the server answered. */
export interface Scenario {
  readonly name: string
  /** The order of what arrives is a race: it is not compared. */
  readonly varies?: boolean
  readonly steps: readonly Step[]
}

/** A step of a connection names it in `s`. `ms` is the time since the scenario's start. */
export type Step = { readonly ms: number } & (Action | Arrival | Pause)

export type Action = { readonly s: string } & (
  | {
      readonly t: 'connect'
      readonly url: string
      readonly origin?: string
      readonly protocols?: readonly string[]
      readonly offer?: string
    }
  | { readonly t: 'send'; readonly text: string }
  | { readonly t: 'send'; readonly hex: string }
  | { readonly t: 'send_fragment'; readonly fin: boolean; readonly text?: string; readonly hex?: string }
  | { readonly t: 'send_raw'; readonly hex: string }
  | { readonly t: 'send_ping'; readonly hex: string }
  | { readonly t: 'client_close'; readonly code: number; readonly reason?: string }
  | { readonly t: 'client_terminate' }
  | {
      readonly t: 'http_send'
      readonly method: string
      readonly path: string
      readonly headers?: Readonly<Record<string, string>>
      readonly body?: string
    }
)

/** An arrival at a connection. */
export type Arrival = { readonly s: string } & WireEvent

export type WireEvent =
  | { readonly t: 'open'; readonly status: number; readonly headers: Readonly<Record<string, string>> }
  | { readonly t: 'refused'; readonly status: number; readonly body: string }
  | { readonly t: 'recv'; readonly text: string }
  | { readonly t: 'recv'; readonly hex: string }
  | { readonly t: 'recv_pong'; readonly hex: string }
  | { readonly t: 'close'; readonly code: number; readonly reason: string; readonly by: 'client' | 'server' }
  | {
      readonly t: 'http_recv'
      readonly status: number
      readonly body: string
      readonly headers?: Readonly<Record<string, string>>
    }

/** `quiet`: nothing more arrived, on any connection. */
export type Pause = { readonly t: 'quiet' } | { readonly t: 'note'; readonly text: string }

const ARRIVALS = new Set(['open', 'refused', 'recv', 'recv_pong', 'close', 'http_recv'])

export function isArrival(step: Step): step is Step & Arrival {
  return ARRIVALS.has(step.t)
}

/** Where the recorded frames of a real Phoenix server are, if they are anywhere. */
export const transcriptPath =
  process.env.BERYL_TRANSCRIPTS ??
  fileURLToPath(new URL('../../../shared/transcripts/phoenix.jsonl', import.meta.url))

/** All recorded scenarios; `undefined` where there is no transcript. */
export function readTranscript(): readonly Scenario[] | undefined {
  if (!existsSync(transcriptPath)) return undefined
  const lines = readFileSync(transcriptPath, 'utf8').split('\n')
  return lines.filter((line) => line !== '').map((line) => readScenario(JSON.parse(line)))
}

type RecordedStep = Step & { text?: string; text_length?: number; body?: string; body_length?: number }

function readScenario({ name, varies, steps }: Scenario & { steps: readonly RecordedStep[] }): Scenario {
  return { name, varies: varies === true, steps: steps.map(expand) }
}

/** Long texts were cut in their middle, which is one character many times over. */
function expand({ text_length: length, body_length: bodyLength, ...step }: RecordedStep): Step {
  if (bodyLength !== undefined && step.body !== undefined)
    return { ...step, body: filled(step.body, bodyLength) } as Step
  if (length === undefined || step.text === undefined) return step
  return { ...step, text: filled(step.text, length) } as Step
}

function filled(cut: string, length: number): string {
  const [head, tail] = cut.split('…') as [string, string]
  const filling = head.at(-1) as string
  return head + filling.repeat(length - head.length - tail.length) + tail
}
