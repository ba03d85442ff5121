import { berylError, show } from '../ground/errors.ts'
import type { CompiledChannel } from './definition.ts'
import { type PayloadSchema, showIssues } from './schema.ts'

// The payloads that the server hands out, against the contract of the channel: wrong ones are refused where they are made.

/**
 * Holds an event that the server sends against the channel's contract.
 *
 * @throws `BERYL_ERR_EVENT_UNDECLARED`, `BERYL_ERR_PAYLOAD_INVALID`
 */
export function checkOut(channel: CompiledChannel, event: string, payload: unknown): void {
  const schema = channel.out.get(event)
  if (schema === undefined) {
    const declared = [...channel.out.keys()].join(', ')
    const name: unknown = event
    const got = typeof name === 'string' ? name : show(name)
    throw berylError('BERYL_ERR_EVENT_UNDECLARED', channel.pattern.source, got, declared || 'none')
  }
  checkDeclared(channel, `the event "${event}"`, schema, payload)
}

/**
 * Holds an info against the contracts of the channels that several entrances have for its topic: one at least takes it, and
 * the payload fits all that do.
 *
 * @throws `BERYL_ERR_INFO_UNDECLARED`, `BERYL_ERR_PAYLOAD_INVALID`
 */
export function checkInfo(channels: readonly CompiledChannel[], event: string, payload: unknown): void {
  const [first] = channels
  if (first !== undefined && !channels.some(({ info }) => info.has(event))) {
    const declared = channels.flatMap(({ info }) => [...info.keys()]).join(', ')
    throw berylError('BERYL_ERR_INFO_UNDECLARED', first.pattern.source, show(event), declared || 'none')
  }
  for (const channel of channels)
    checkDeclared(channel, `the info "${event}"`, channel.info.get(event)?.payload, payload)
}

/**
 * Holds a presence's meta against the channel's contract. A channel that declares none takes any.
 *
 * @throws `BERYL_ERR_PAYLOAD_INVALID`
 */
export function checkPresence(channel: CompiledChannel, meta: unknown): void {
  checkDeclared(channel, 'a presence', channel.presence, meta)
}

/**
 * Holds an outgoing payload against its schema.
 *
 * @throws `BERYL_ERR_PAYLOAD_INVALID`
 */
export function checkDeclared(
  channel: CompiledChannel,
  what: string,
  schema: PayloadSchema | undefined,
  payload: unknown,
): void {
  if (schema === undefined) return
  const misfit = schema.misfit(payload)
  const why = misfit === undefined ? schema.whyUncarried(payload) : showIssues(misfit.issues, payload)
  if (why === undefined) return
  const cause = misfit?.thrown === undefined ? [] : [{ cause: misfit.thrown.error }]
  throw berylError('BERYL_ERR_PAYLOAD_INVALID', channel.pattern.source, what, why, ...cause)
}
