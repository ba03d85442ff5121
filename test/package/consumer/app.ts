import Fastify, { type FastifyInstance } from 'fastify'
import beryl, { type BerylOptions, defineChannel, fail } from 'fastify-beryl'
import { startSupervisor, worker } from 'fastify-beryl/supervision'
import { connect } from 'fastify-beryl/testing'
import { Type } from 'typebox'

// An application of the packed package: all of it has to compile, and the last lines have to not.

export const room = defineChannel('room:*', {
  schema: {
    in: { say: { payload: Type.Object({ body: Type.String() }), reply: Type.Object({ id: Type.String() }) } },
    out: { said: Type.Object({ from: Type.String(), body: Type.String() }) },
    presence: Type.Object({ name: Type.String() }),
  },
  join: ({ connection }) => ({ assigns: { name: connection.assigns.name } }),
  joined(socket) {
    socket.presence.track(socket.assigns.name, { name: socket.assigns.name })
  },
  in: {
    say({ body }, socket) {
      if (body === '') return fail({ reason: 'empty' })
      socket.broadcast('said', { from: socket.assigns.name, body })
      return { id: socket.id }
    },
  },
})

declare module 'fastify-beryl' {
  interface RegisteredChannels {
    room: typeof room
  }
  interface ConnectionAssigns {
    name: string
  }
}

const options: BerylOptions = { channels: [room], connect: () => ({ assigns: { name: 'ada' } }) }

export async function build(): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(beryl, options)
  app.post('/say', () => {
    app.channels.broadcast('room:1', 'said', { from: 'the server', body: 'hi' })
    return { here: app.presence.count('room:1'), rooms: app.groups.list() }
  })
  return app
}

export async function run(): Promise<void> {
  const app = await build()
  const client = await connect(app, { params: { name: 'ada' } })
  await client.close()
  const tree = await startSupervisor({ children: [worker('idle', ({ stopped }) => stopped())] })
  await tree.stop()
}

export function refused(app: FastifyInstance): void {
  // @ts-expect-error no registered channel has this topic
  app.channels.broadcast('rom:1', 'said', { from: '', body: '' })
  // @ts-expect-error the channel does not send this event
  app.channels.broadcast('room:1', 'sad', { from: '', body: '' })
  // @ts-expect-error the payload does not fit the event
  app.channels.broadcast('room:1', 'said', { from: '', body: 1 })
}
