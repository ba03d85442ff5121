import type { TestContext } from 'node:test'
import { LongPoll, Presence, Socket } from 'phoenix'
import { WebSocket } from 'ws'
import { Agent, type Library } from '../clients/agent.ts'
import { NodeXhr } from '../clients/xhr.ts'
import { tls } from '../support/tls.ts'

/** A visitor: from which address of this machine, with which headers, from a page of which origin. */
export interface Visit {
  /** @default 127.0.0.2, which no proxy has */
  readonly from?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly origin?: string
}

/** phoenix.js as it is, over sockets from an address of their own. */
export function visitor({ from = '127.0.0.2', headers = {}, origin }: Visit = {}): Agent {
  class Transport extends WebSocket {
    constructor(url: string, protocols?: string | string[]) {
      const place = { localAddress: from, family: 4, ca: tls.cert }
      super(url, protocols, {
        ...place,
        headers: { ...headers },
        ...(origin === undefined ? {} : { origin }),
      })
    }
  }
  const library = { Socket, Presence, options: { transport: Transport } } as unknown as Library
  return new Agent(library)
}

/** phoenix.js as it is, polling. Its requests are those of the page: while the test runs there is no other one. */
export function pollingVisitor(t: TestContext, from = '127.0.0.2'): Agent {
  class Xhr extends NodeXhr {
    override readonly place = { localAddress: from, family: 4, ca: tls.cert }
  }
  const before = Reflect.get(globalThis, 'XMLHttpRequest')
  Reflect.set(globalThis, 'XMLHttpRequest', Xhr)
  t.after(() => Reflect.set(globalThis, 'XMLHttpRequest', before))
  const library = { Socket, Presence, rejoinMs: 500, options: { transport: LongPoll } } as unknown as Library
  return new Agent(library)
}
