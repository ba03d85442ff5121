import { type Channel, type Client, createClient } from 'fastify-beryl/client'
import { type UsedChannel, useChannel, useEvent, usePresence } from 'fastify-beryl/react'
import {
  Component,
  type ComponentType,
  Fragment,
  createElement as h,
  lazy,
  type ReactNode,
  StrictMode,
  Suspense,
  useEffect,
  useState,
  version,
} from 'react'
import { createRoot, hydrateRoot, type Root } from 'react-dom/client'
import { renderToString } from 'react-dom/server'
import type { App } from './contract.ts'
import type { Orders, Seat, View } from './orders.ts'

// The components that the hooks are tried in. Bundled for a page; it imports nothing of Node.

const { location, document } = globalThis as unknown as {
  location: { host: string }
  document: { getElementById(id: string): Element & { innerHTML: string } }
}
const url = `ws://${location.host}/socket`
const quick = { reconnectAfterMs: () => 20, rejoinAfterMs: () => 20 }
const client = createClient<App>(url, quick)

/** The calls of `on` at the client's channels. */
let subscriptions = 0
const counted: Client<App> = {
  get state() {
    return client.state
  },
  onState: (handler) => client.onState(handler),
  close: () => client.close(),
  channel: ((...args: Parameters<Client['channel']>) => {
    const channel = (client as unknown as Client).channel(...args)
    const { on } = channel
    return Object.assign(channel, {
      on: (...of: Parameters<Channel<unknown>['on']>) => {
        subscriptions += 1
        return Reflect.apply(on, channel, of)
      },
    })
  }) as unknown as Client<App>['channel'],
}

type Room = UsedChannel<typeof import('./contract.ts').room['schema']>

/** The newest look of each seat, by its name; it goes with the component. */
const views = new Map<string, View>()
const errors: string[] = []
let release = (): void => {}

function Member({ id, topic, name, mark = '', push }: Seat): ReactNode {
  const room = useChannel(counted, topic, { name })
  const [lines, setLines] = useState<readonly string[]>([])
  const [pushed, setPushed] = useState('')
  useEvent(room, 'said', ({ text }) => setLines((all) => [...all, mark + text]))
  const { state, reply, error, join } = room
  useEffect(() => {
    again.set(id, join)
    return () => void again.delete(id)
  }, [id, join])
  return h(
    Fragment,
    null,
    h(Show, {
      id,
      view: {
        state,
        recovered: room.recovered,
        ...(reply && { reply }),
        ...(error && { error: error.reason, isRetried: error.isRetried }),
        lines,
        ...(pushed && { pushed }),
      },
    }),
    h(People, { room, id }),
    push === undefined ? null : h(Pusher, { room, text: push, told: setPushed }),
  )
}

const again = new Map<string, () => void>()

function Show({ id, view }: { id: string; view: Omit<View, 'people'> }): ReactNode {
  useEffect(() => {
    views.set(id, { ...views.get(id), ...view } as View)
    return () => void views.delete(id)
  })
  return h('p', null, `${id} ${view.state}`)
}

/** A child of the component that joins: its effects run before that one's. */
function People({ room, id }: { room: Room; id: string }): ReactNode {
  const people = usePresence(room).map(({ key }) => key)
  useEffect(() => {
    const view = views.get(id)
    if (view !== undefined) views.set(id, { ...view, people })
  })
  return h('p', null, people.join(', '))
}

function Pusher({ room, text, told }: { room: Room; text: string; told: (reply: string) => void }): null {
  const { push } = room
  useEffect(() => {
    push('say', { text }).then(
      (reply) => told(reply.text),
      ({ reason }) => told(reason),
    )
  }, [push, text, told])
  return null
}

class Boundary extends Component<{ children: ReactNode }> {
  static getDerivedStateFromError(): object {
    return { isBroken: true }
  }
  override state = { isBroken: false }
  override componentDidCatch(error: Error): void {
    errors.push(String(error))
  }
  override render(): ReactNode {
    return this.state.isBroken ? null : this.props.children
  }
}

/** @param Waiting A part that hides the tree until it is there. */
function tree(seats: readonly Seat[], Waiting?: ComponentType): ReactNode {
  return h(
    StrictMode,
    null,
    h(
      Suspense,
      { fallback: h('em', null, 'wait') },
      h(
        Boundary,
        null,
        seats.map((seat) => h(Member, { ...seat, key: seat.id })),
        Waiting && h(Waiting),
      ),
    ),
  )
}

let root: Root | undefined
let suspended: ComponentType | undefined
let shown: readonly Seat[] = []
const element = () => document.getElementById('root')

const orders: { [K in keyof Orders]: (...args: Parameters<Orders[K]>) => ReturnType<Orders[K]> } = {
  version: () => version,
  show(seats) {
    shown = seats
    root ??= createRoot(element() as never)
    root.render(tree(seats, suspended))
  },
  suspend() {
    suspended = lazy(
      () =>
        new Promise<{ default: () => null }>((resolve) => {
          release = () => resolve({ default: () => null })
        }),
    )
    orders.show(shown)
  },
  release() {
    release()
  },
  hydrate(seats) {
    root?.unmount()
    const html = renderToString(tree(seats))
    element().innerHTML = html
    root = hydrateRoot(element() as never, tree(seats), {
      onRecoverableError: (error) => void errors.push(String(error)),
    })
    return html
  },
  unmount() {
    root?.unmount()
    root = undefined
  },
  again(id) {
    again.get(id)?.()
  },
  views: () => Object.fromEntries(views),
  errors: () => errors.splice(0),
  subscriptions: () => subscriptions,
  text: () => (element() as unknown as { textContent: string }).textContent,
  close: () => client.close(),
}
Object.assign(globalThis, { orders })
