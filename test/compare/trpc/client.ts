import { createTRPCClient, createWSClient, wsLink } from '@trpc/client'
import type { Chat, Page } from '../chat.ts'
import type { App } from './server.ts'

export function open(url: string, id: string, name: string, page: Page): Chat {
  const socket = createWSClient({ url: `${url.replace('http', 'ws')}/trpc`, keepAlive: { enabled: true } })
  const client = createTRPCClient<App>({ links: [wsLink({ client: socket })] })
  client.said.subscribe({ room: id, name }, { onData: ({ data }) => page.said(data) })
  client.here.subscribe({ room: id }, { onData: page.here })
  return {
    say: async (body) => (await client.say.mutate({ room: id, name, body })).id,
    close: () => socket.close(),
  }
}
