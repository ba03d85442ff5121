import type { PhoenixMessage, PhoenixSocket } from './phoenix.ts'

/**
 * Shows a new token over the connection before the time of the old one ends.
 *
 * @param ask Gives one, where one can be asked for.
 * @param again Connects anew, at once: the time ended, and no other token was seen.
 */
export function renewTokens(socket: PhoenixSocket, ask: () => Promise<unknown>, again: () => void): void {
  let isExpiring = false

  socket.onMessage(heard as (message: object) => void)
  socket.onClose((event) => {
    const isLate = isExpiring || Object(event).reason === 'expired'
    isExpiring = false
    if (isLate) again()
  })

  function heard({ topic, event, payload }: PhoenixMessage): void {
    if (topic !== 'phoenix') return
    if (event === 'expiring') {
      isExpiring = true
      // Where that fails the connection ends at its time, and the next one asks again.
      ask().then(renew, () => {})
    } else if (Object(payload?.response).expires_at !== undefined) {
      // `null` is a time without an end.
      isExpiring = false
    }
  }

  function renew(token: unknown): void {
    if (typeof token === 'string' && socket.isConnected())
      socket.push({ topic: 'phoenix', event: 'renew', payload: { token }, ref: socket.makeRef() })
  }
}
