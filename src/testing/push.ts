import type { ServerMessage } from '../client/codec.ts'
import { checkPattern, checkText } from './arguments.ts'
import type { Arrivals, Wanted } from './arrivals.ts'
import { inspectShort } from './failure.ts'
import { matches, type Pattern } from './pattern.ts'
import type { ResponseTo } from './types.ts'

/** The payload of a reply. */
export interface ReplyPayload {
  readonly status: string
  readonly response: unknown
}

/** A message that was sent, and the reply to it. `X` is what the channel declares for its event. */
export class TestPush<X = unknown> {
  readonly ref: string
  readonly #topic: string
  readonly #event: string
  readonly #arrivals: Arrivals<ServerMessage>
  readonly #isSilent: boolean
  readonly #isHopeless: () => boolean

  constructor(
    arrivals: Arrivals<ServerMessage>,
    { topic, event, ref, isSilent }: { topic: string; event: string; ref: string; isSilent: boolean },
    isHopeless: () => boolean,
  ) {
    this.ref = ref
    this.#topic = topic
    this.#event = event
    this.#arrivals = arrivals
    this.#isSilent = isSilent
    this.#isHopeless = isHopeless
  }

  /**
   * Waits for the reply and gives its response.
   *
   * @param status @default 'ok'
   * @param pattern What the response must look like.
   * @throws `AssertionError` where another reply came, or none; at once where no `ok` can come, as none is declared.
   */
  async expectReply<Status extends string = 'ok'>(
    status?: Status,
    pattern?: Pattern<ResponseTo<X, Status>>,
  ): Promise<ResponseTo<X, Status>> {
    if (status !== undefined) checkText('expectReply', 'status', status)
    checkPattern('expectReply', pattern)
    const expected = { status: status ?? 'ok', response: pattern }
    const looks = pattern === undefined ? '' : ` ${inspectShort(pattern)}`
    const isInVain = this.#isSilent && expected.status === 'ok'
    const why = isInVain ? ', which declares no reply: add one to its schema, or use refuteReply' : ''
    const summary = `expected a reply "${expected.status}"${looks} to "${this.#event}"${why}`
    const wanted = this.#wanted('expectReply', summary, expected)
    const reply = await this.#arrivals.expect(isInVain ? { ...wanted, isHopeless: () => true } : wanted)
    const given = reply.payload as ReplyPayload
    if (given.status !== expected.status || !matches(given.response, pattern))
      throw this.#arrivals.failure(wanted, reply)
    return given.response as ResponseTo<X, Status>
  }

  /**
   * Lets all that is ready run and makes sure that no reply has come. A handler that waits for something else (a promise
   * of the test's, a timer) is not waited for.
   */
  refuteReply(): Promise<void> {
    return this.#arrivals.refute(
      this.#wanted('refuteReply', `expected no reply to "${this.#event}"`, undefined),
    )
  }

  /** @internal Waits for the reply, whatever it says. */
  static settled(push: TestPush<unknown>): Promise<ReplyPayload> {
    const wanted = push.#wanted(
      'join',
      `expected an answer to "${push.#event}" on "${push.#topic}"`,
      undefined,
    )
    return push.#arrivals.expect(wanted).then(({ payload }) => payload as ReplyPayload)
  }

  #wanted(operator: string, summary: string, expected: unknown): Wanted<ServerMessage> {
    const fits = ({ event, ref }: ServerMessage): boolean => event === 'phx_reply' && ref === this.ref
    return { operator, summary, topic: this.#topic, expected, fits, isHopeless: this.#isHopeless }
  }
}
