import { setMaxListeners } from 'node:events'
import { tell } from './foreign.ts'

type SignalHandler = (event: Event) => unknown
type SignalListener = SignalHandler | { handleEvent: SignalHandler }

/**
 * The signal itself, with listeners that harm nobody: what one throws, or rejects with, is given to `failed`, where Node
 * would make an uncaught error of the process of it. Signals that are made of this one (`AbortSignal.any`) are Node's own.
 */
export function guardSignal(signal: AbortSignal, failed: (error: unknown) => void): AbortSignal {
  const { addEventListener, removeEventListener } = signal
  // One for each thing that is at work is no leak: Node would warn at the eleventh.
  setMaxListeners(0, signal)
  // The same listener is always the same to the signal, which tells by it what to add once and what to take off.
  const guards = new WeakMap<object, SignalHandler>()
  const guarded = (listener: unknown): SignalHandler => {
    if (!isListener(listener)) return listener as SignalHandler
    const known = guards.get(listener)
    if (known !== undefined) return known
    const guard = (event: Event): void => tell(() => call(listener, signal, event), failed)
    guards.set(listener, guard)
    return guard
  }
  let onabort: unknown = null
  return Object.defineProperties(signal, {
    addEventListener: {
      value: (type: string, listener: unknown, options?: object) =>
        addEventListener.call(signal, type, guarded(listener), options),
    },
    removeEventListener: {
      value: (type: string, listener: unknown, options?: object) =>
        removeEventListener.call(signal, type, guarded(listener), options),
    },
    onabort: {
      get: () => onabort,
      set(handler: unknown) {
        if (isListener(onabort)) removeEventListener.call(signal, 'abort', guarded(onabort))
        onabort = typeof handler === 'function' ? handler : null
        if (isListener(onabort)) addEventListener.call(signal, 'abort', guarded(onabort))
      },
    },
  })
}

function isListener(value: unknown): value is SignalListener {
  return typeof value === 'function' || (typeof value === 'object' && value !== null)
}

function call(listener: SignalListener, signal: AbortSignal, event: Event): unknown {
  return typeof listener === 'function' ? listener.call(signal, event) : listener.handleEvent(event)
}
