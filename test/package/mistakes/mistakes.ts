/** A mistake, and what whoever makes it is told. */
export interface Mistake {
  /** Played as it stands; `…` at its beginning stands for a server that runs (play.ts has all names). */
  readonly code: string
  /** The whole message. */
  readonly says: string
}

/** By what is wrong. `docs/mistakes.md` shows all of it: after a change here run write.ts. */
export const mistakes: Readonly<Record<string, readonly Mistake[]>> = {
  names: [
    {
      code: 'await app.register(beryl, { chanels: [room] })',
      says: `option 'chanels': wanted one of path, connect, renew, connectionTopic, checkOrigin, subprotocols, compression, longPoll, heartbeat, backpressure, drain, limits, channels, presence, groups, pubsub, supervision, children, clock, prefix, logLevel, logSerializers, got "chanels"`,
    },
    {
      code: 'await app.register(beryl, { limits: { payload: 1000 } })',
      says: `option 'limits.payload': wanted one of payloadBytes, fragments, bufferedChunks, connections, connectionsPerIp, pendingUpgrades, handshakeTimeoutMs, channelsPerConnection, pendingHandlers, mailbox, timers, joinTimeoutMs, topicBytes, messages, channelMessages, bytesPerSecond, joins, historyBytes, got "payload"`,
    },
    {
      code: 'await app.register(beryl, { heartbeat: { timeout: 60_000 } })',
      says: `option 'heartbeat.timeout': wanted one of intervalMs, timeoutMs, got "timeout"`,
    },
    {
      code: `defineChannel('room:*', { onJoin: join })`,
      says: `channel 'room:*': definition.onJoin: wanted one of schema, join, snapshot, joined, in, info, intercept, history, terminate, got "onJoin"`,
    },
    {
      code: `defineChannel('room:*', { schema: { incoming: { say: Body } }, join })`,
      says: `channel 'room:*': schema.incoming: wanted one of join, in, out, info, presence, got "incoming"`,
    },
    {
      code: `defineChannel('room:*', { schema: { in: { say: { body: Type.String() } } }, join, in: { say() {} } })`,
      says: `channel 'room:*': schema.in.say.body: wanted one of payload, reply, error, or a TypeBox schema around it all, got "body"`,
    },
    {
      code: `defineChannel('room:*', { schema: { in: { say: Body } }, join, in: { say() {}, shout() {} } })`,
      says: `channel 'room:*': in.shout: wanted an event that schema.in declares, got function shout`,
    },
    {
      code: `defineChannel('room:*', { schema: { in: { say: Body } }, join, in: {} })`,
      says: `channel 'room:*': in.say: wanted a handler for the declared event, got undefined`,
    },
    {
      code: `defineChannel('room:*', { schema: { out: { phx_reply: Body } }, join })`,
      says: `channel 'room:*': schema.out.phx_reply: wanted another name: this event belongs to the protocol, got "phx_reply"`,
    },
    {
      code: `defineChannel('room:*', { schema: { out: { said: Body } }, join, intercept: { sayd: (said) => said } })`,
      says: `channel 'room:*': intercept.sayd: wanted an event that schema.out declares, got function sayd`,
    },
    {
      code: `defineChannel('room:*:users', { join })`,
      says: `channel 'room:*:users': pattern: wanted a "*" only at the end, once, got "room:*:users"`,
    },
    {
      code: `defineChannel('', { join })`,
      says: `channel '': pattern: wanted a non-empty string such as "lobby" or "room:*", got ""`,
    },
    {
      code: `… app.channels.broadcast('rom:1', 'said', { body: 'hi' })`,
      says: `no channel is registered for topic "rom:1": check its spelling, or register a channel whose pattern matches it first, with the option 'channels' or channels.register`,
    },
    {
      code: `… app.channels.broadcast('room:1', 'sayd', { body: 'hi' })`,
      says: `channel 'room:*' does not declare the outgoing event 'sayd' (declared: said): add it to schema.out`,
    },
    {
      code: `… app.channels.onTelemetry('channel.crashed', () => {})`,
      says: 'channels.onTelemetry: name: wanted the name of an event of docs/telemetry.md, got "channel.crashed"',
    },
    {
      code: `… app.groups.add('everywhere', 'room:1')`,
      says: `there is no group 'everywhere': groups.create makes it, groups.list() has all`,
    },
    {
      code: `… app.groups.create('everywhere'); app.groups.add('everywhere', 'rom:1')`,
      says: `no channel is registered for topic "rom:1": check its spelling, or register a channel whose pattern matches it first, with the option 'channels' or channels.register`,
    },
    {
      code: `… await connect(app, { param: { token: 'any' } })`,
      says: `option 'param': wanted one of authToken, vsn, remoteAddress, path, params, headers, timeoutMs, got "param"`,
    },
    {
      code: `… await (await connect(app)).join('rom:1')`,
      says: `the join of "rom:1" was refused: { reason: 'unmatched topic' }`,
    },
    {
      code: `… await (await (await connect(app)).join('room:1')).push('shout').expectReply()`,
      says: `expected a reply "ok" to "shout"\nwhat came instead:\n  reply "error" { reason: 'unknown_event' }`,
    },
    {
      code: `await app.register(beryl, { channels: [room] }); await app.register(berylMetrics, { route: '/metrics' })`,
      says: `option 'route': wanted one of register, prefix, path, got "route"`,
    },
    {
      code: `worker('feed', ({ stopped }) => stopped(), { backoff: { min: 500 } })`,
      says: `supervisor 'worker', policy, backoff: wanted none but the keys minMs, maxMs, got "min"`,
    },
  ],
  types: [
    {
      code: 'await app.register(beryl, { channels: room })',
      says: `option 'channels': wanted an array, each item what defineChannel(…) returns, got { pattern, schema }`,
    },
    {
      code: `await app.register(beryl, { channels: [{ pattern: 'room:*', join }] })`,
      says: `channel '?': definition: wanted what defineChannel(…) returns, got { pattern, join }`,
    },
    {
      code: `await app.register(beryl, { connect: 'everybody' })`,
      says: `option 'connect': wanted a function, got "everybody"`,
    },
    {
      code: 'await app.register(beryl, { heartbeat: 30_000 })',
      says: `option 'heartbeat': wanted an object with intervalMs, timeoutMs, got 30000`,
    },
    {
      code: 'await app.register(beryl, { limits: { messages: 100 } })',
      says: `option 'limits.messages': wanted an object with perSecond, burst, got 100`,
    },
    {
      code: `await app.register(beryl, { limits: { mailbox: '256' } })`,
      says: `option 'limits.mailbox': wanted a whole number above 0, or false for no limit, got "256"`,
    },
    {
      code: 'await app.register(beryl, { limits: { mailbox: -1 } })',
      says: `option 'limits.mailbox': wanted a whole number above 0, or false for no limit, got -1`,
    },
    {
      code: 'await app.register(beryl, { drain: { batch: 0 } })',
      says: `option 'drain.batch': wanted a whole number of at least 1, got 0`,
    },
    {
      code: `await app.register(beryl, { presence: 'yes' })`,
      says: `option 'presence': wanted a boolean or an object, got "yes"`,
    },
    {
      code: `await app.register(beryl, { pubsub: 'redis://localhost' })`,
      says: `option 'pubsub': wanted an adapter: start, publish, subscribe, unsubscribe, stop, as redis({ url }) gives one, got "redis://localhost"`,
    },
    {
      code: 'await app.register(beryl, { children: [async () => {}] })',
      says: `option 'children[0]': wanted a child spec, as worker(id, run) gives one, got a function`,
    },
    {
      code: `defineChannel('room:*', { schema: { in: { say: { type: 'object' } } }, join, in: { say() {} } })`,
      says: `channel 'room:*': schema.in.say: wanted a TypeBox schema, of the package "typebox" (Type.Unsafe makes one of any other JSON schema), got { type }`,
    },
    {
      code: `defineChannel('room:*', { schema: { in: { say: Type.Object({ body: Type.String }) } }, join, in: { say() {} } })`,
      says: `channel 'room:*': schema.in.say/properties/body: wanted a TypeBox schema, of the package "typebox" (Type.Unsafe makes one of any other JSON schema), got function String`,
    },
    {
      code: `defineChannel('room:*', { schema: { out: { said: Type.Object({ at: Type.BigInt() }) } }, join })`,
      says: `channel 'room:*': schema.out.said/properties/at: wanted Type.String() for what is larger than a number, got "Type.BigInt(), which JSON does not have"`,
    },
    {
      code: `defineChannel('room:*', {})`,
      says: `channel 'room:*': schema: wanted an object with join, in, out, info, presence, got undefined`,
    },
    {
      code: `… app.channels.broadcast('room:1', 'said', { body: 42 })`,
      says: `channel 'room:*', the event "said": the payload does not fit its schema: /body must be string, got 42`,
    },
    {
      code: `… app.channels.broadcast(42, 'said', { body: 'hi' })`,
      says: 'broadcast or push: topic: wanted a well-formed string of 1 to 255 bytes, got 42',
    },
    {
      code: `… app.channels.subscribe('room:1')`,
      says: 'channels.subscribe: listener: wanted a function, got undefined',
    },
    {
      code: `… app.presence.track('room:1', 'bot', { name: 'bot' }, new AbortController().signal)`,
      says: `presence of 'bot' on topic 'room:1', options: wanted { owner }, an AbortSignal or a channel: the presence ends with it, got an instance of AbortSignal`,
    },
    {
      code: `… app.presence.track('room:1', 'bot', { nome: 'bot' }, { owner: new AbortController().signal })`,
      says: `channel 'room:*', a presence: the payload does not fit its schema: must have required properties name, got { nome }`,
    },
    {
      code: `worker('feed')`,
      says: 'worker: run: wanted a function, got undefined',
    },
    {
      code: `worker('feed', ({ stopped }) => stopped(), { restart: 'always' })`,
      says: `supervisor 'worker', policy, restart: wanted 'permanent', 'transient' or 'temporary', got "always"`,
    },
    {
      code: `await startSupervisor({ strategy: 'one-for-one' })`,
      says: `supervisor 'supervisor', strategy: wanted 'one_for_one', 'one_for_all' or 'rest_for_one', got "one-for-one"`,
    },
  ],
  results: [
    {
      code: `await app.register(beryl, { connect: () => ({ userId: 'ada' }) }); await connect(app).catch(() => {})`,
      says: 'connect: wanted { assigns?, expiresAt? } or reject(…) ("userId" is neither: is it one of the assigns?), got { userId }',
    },
    {
      code: 'await app.register(beryl, { connect: () => {} }); await connect(app).catch(() => {})',
      says: 'connect: wanted { assigns?, expiresAt? } or reject(…), got undefined',
    },
    {
      code: `await app.register(beryl, { connect: () => fail({ reason: 'token' }) }); await connect(app).catch(() => {})`,
      says: 'connect: wanted { assigns?, expiresAt? } or reject(…), got fail(…)',
    },
    {
      code: `await app.register(beryl, { connect: () => ({ expiresAt: '1h' }) }); await connect(app).catch(() => {})`,
      says: 'connect: wanted expiresAt as a Date or in milliseconds since the epoch, got a string',
    },
    {
      code: 'await app.register(beryl, { connect: () => ({ expiresAt: 1_900_000_000 }) }); await connect(app).catch(() => {})',
      says: 'connection refused: expired, wanted expiresAt in the future, in milliseconds since the epoch (exp of a JWT is in seconds), got 1900000000',
    },
    {
      code: 'await app.register(beryl, { connectionTopic: () => 42 }); await connect(app).catch(() => {})',
      says: 'connect: wanted connectionTopic to give a well-formed string of 1 to 255 bytes, or undefined, got 42',
    },
    {
      code: `await enter(defineChannel('lobby', { schema: {}, join: () => ({ name: 'ada' }) }))`,
      says: `join crashed: channel 'lobby', join: wanted { assigns } or reject(…), got { name }`,
    },
    {
      code: `await enter(defineChannel('lobby', { schema: {}, join: () => ({ assigns: {}, reply: { name: 'ada' } }) }))`,
      says: "join crashed: channel 'lobby', the reply of join: wanted none, or a `reply` in schema.join, got { name }",
    },
    {
      code: `await enter(defineChannel('lobby', { schema: {}, join: () => fail({ reason: 'full' }) }))`,
      says: `join crashed: channel 'lobby', join: wanted { assigns } or reject(…), got fail(…)`,
    },
    {
      code: `await enter(defineChannel('lobby', { schema: {}, join: () => { throw reject() } }))`,
      says: "join crashed: channel 'lobby', join: wanted `return reject(…)`, got `throw reject(…)`",
    },
    {
      code: `await enter(defineChannel('lobby', { schema: { in: { say: Body } }, join, in: { say: () => 'said' } }))`,
      says: `channel crashed: channel 'lobby', the handler of "say": wanted undefined (no reply is declared), fail(…), reply(…), stop(…) or later(…), got "said"`,
    },
    {
      code: `await enter(defineChannel('lobby', { schema: { in: { say: { payload: Body, reply: Body } } }, join, in: { say() {} } }))`,
      says: `channel crashed: channel 'lobby', the handler of "say": wanted the declared reply, fail(…), reply(…), stop(…) or later(…), got undefined`,
    },
    {
      code: `await enter(defineChannel('lobby', { schema: { in: { say: { payload: Body, reply: Body } } }, join, in: { say: () => reject() } }))`,
      says: `channel crashed: channel 'lobby', the handler of "say": wanted the declared reply, fail(…), reply(…), stop(…) or later(…), got reject(…)`,
    },
    {
      code: `await enter(defineChannel('lobby', { schema: { in: { say: { payload: Body, reply: Body } } }, join, in: { say: () => ({ body: 42 }) } }))`,
      says: `channel crashed: channel 'lobby', the reply of "say": the payload does not fit its schema: /body must be string, got 42`,
    },
    {
      code: `await enter(defineChannel('lobby', { schema: { in: { say: Body } }, join, in: { say() { throw fail({ reason: 'no' }) } } }))`,
      says: "channel crashed: channel 'lobby', say: wanted `return fail(…)`, got `throw fail(…)`",
    },
  ],
  options: [
    {
      code: 'await app.register(beryl, { heartbeat: { timeoutMs: 10_000 } })',
      says: `option 'heartbeat.timeoutMs': wanted more than heartbeat.intervalMs (30000, where it is not given), got 10000`,
    },
    {
      code: `await app.register(beryl, { path: '/socket/websocket' })`,
      says: `option 'path': wanted the path without the "/websocket" that clients put behind it: "/socket", got "/socket/websocket"`,
    },
    {
      code: `await app.register(beryl, { path: 'socket' })`,
      says: `option 'path': wanted a path such as "/socket", without a trailing slash, got "socket"`,
    },
    {
      code: `await app.register(beryl, { prefix: '/api' })`,
      says: `option 'prefix': wanted nothing here: the plugin belongs to the scope around it, so give it to the register of that (or use path), got "/api"`,
    },
    {
      code: 'await app.register(beryl, { presence: false, channels: [room] })',
      says: `channel 'room:*': schema.presence: wanted nothing while the option 'presence' is false: leave it out, or switch presence on, got a schema`,
    },
    {
      code: 'await app.register(beryl, { presence: { downMs: 1_000 } })',
      says: `option 'presence.downMs': wanted at least 2 × broadcastMs × quietPeriods (9000), got 1000`,
    },
    {
      code: `await app.register(beryl, { groups: false }); app.groups.create('everywhere')`,
      says: `groups is switched off: option 'groups': wanted true, or nothing here for the default, got false`,
    },
    {
      code: `… app.channels.disconnect('user:ada')`,
      says: `option 'connectionTopic': wanted a function that names each connection, for channels.disconnect (also info, leave) finds them by their names, got undefined`,
    },
    {
      code: `… app.channels.leave({ topic: 'room:1', connectionTopic: 'user:ada' })`,
      says: `option 'connectionTopic': wanted a function that names each connection, for channels.disconnect (also info, leave) finds them by their names, got undefined`,
    },
    {
      code: 'await app.register(beryl, { channels: [room] }); await app.register(mount, { channels: [room] })',
      says: `option 'path': wanted a path of its own, such as "/admin", got undefined`,
    },
    {
      code: `await app.register(beryl, { channels: [room] }); await app.register(mount, { path: '/admin', heartbeat: {} })`,
      says: `option 'heartbeat': wanted nothing here: it holds for all entrances, so give it to the plugin, got {}`,
    },
    {
      code: `await app.register(beryl, { channels: [room] }); await app.register(mount, { path: '/admin', channels: [] })`,
      says: `option 'channels': wanted at least one, or nothing here for those of the plugin: nobody could join any, got an array of 0`,
    },
    {
      code: `await app.register(beryl, { channels: [room] }); await app.register(mount, { path: '/socket' })`,
      says: `option 'path': wanted a path, with the prefix of its scope, that no other entrance has (/socket), got "/socket"`,
    },
    {
      code: `worker('feed', ({ stopped }) => stopped(), { backoff: { minMs: 500, maxMs: 100 } })`,
      says: `supervisor 'worker', policy, backoff.maxMs: wanted milliseconds from 500 to 2147483647, got 100`,
    },
    {
      code: `const feed = worker('feed', ({ stopped }) => stopped()); await startSupervisor({ children: [feed, feed] })`,
      says: `supervisor 'supervisor', child 'feed': wanted an id of its own, got "feed"`,
    },
  ],
  order: [
    {
      code: `await app.register(beryl, { channels: [room] }); app.channels.broadcast('room:1', 'said', { body: 'hi' })`,
      says: 'fastify-beryl is not running: its state is starting, and this works between app.ready() and app.close()',
    },
    {
      code: `… await app.close(); app.channels.broadcast('room:1', 'said', { body: 'hi' })`,
      says: 'fastify-beryl is not running: its state is stopped, and this works between app.ready() and app.close()',
    },
    {
      code: '… app.channels.register(room)',
      says: `channel 'room:*' is registered already: each pattern has one definition`,
    },
    {
      code: 'await app.register(beryl, { channels: [room] }); await app.register(beryl)',
      says: `fastify-beryl is registered already, in this scope or around it: for a further entrance to the same tree call await app.register(mount, { path: '/socket' }), with mount from 'fastify-beryl', and for further channels app.channels.register`,
    },
    {
      code: `… app.channels.push('room:1', 'said', { body: 'hi' })`,
      says: `no channel is registered for topic "said": check its spelling, or register a channel whose pattern matches it first, with the option 'channels' or channels.register`,
    },
    {
      code: `await enter(defineChannel('lobby', { schema: { presence: Body }, join, joined: ({ presence }) => presence.update('ada', { body: 'hi' }) }))`,
      says: `channel crashed: presence: this owner does not track 'ada' on topic 'lobby': use track`,
    },
    {
      code: `await enter(defineChannel('lobby', { schema: { out: { said: Body } }, join, joined: ({ push }) => push('said', { body: 'hi' }) }))`,
      says: 'channel crashed: socket.push: this: wanted the socket: call socket.push(…) itself, got undefined',
    },
  ],
  registration: [
    {
      code: `await app.register(mount, { path: '/admin' })`,
      says: `mount '/admin': fastify-beryl is not registered in this scope, nor around it: await app.register(beryl, …) there before`,
    },
    {
      code: 'await app.register(berylMetrics)',
      says: 'fastify-beryl/metrics: fastify-beryl is not registered in this scope, nor around it: await app.register(beryl, …) there before',
    },
    {
      code: 'await connect(app)',
      says: 'connect: app: wanted a Fastify instance that has fastify-beryl, itself or in a scope: await app.register(beryl, { channels }), got { routing, delete, get, head, trace, … }',
    },
  ],
  'versions and origins': [
    {
      code: `… await connect(app, { vsn: '3.0.0' }).catch(() => {})`,
      says: 'connection refused: vsn, wanted vsn 1.0.0 or 2.0.0, got "3.0.0"',
    },
    {
      code: `await app.register(beryl, { subprotocols: ['chat.v2'] }); await connect(app, { headers: { 'sec-websocket-protocol': 'chat.v1' } }).catch(() => {})`,
      says: 'connection refused: subprotocol, wanted one of the option subprotocols: chat.v2',
    },
    {
      code: `await app.register(beryl, { checkOrigin: ['localhost:5173'] })`,
      says: `option 'checkOrigin[0]': wanted an origin such as "https://example.com" or "//*.example.com": here "//localhost:5173", got "localhost:5173"`,
    },
    {
      code: `await app.register(beryl, { checkOrigin: ['https://example.com/app'] })`,
      says: `option 'checkOrigin[0]': wanted an origin such as "https://example.com" or "//*.example.com", got "https://example.com/app"`,
    },
    {
      code: `await app.register(beryl, { checkOrigin: 'https://example.com' })`,
      says: `option 'checkOrigin': wanted an array, each item an origin such as "https://example.com" or "//*.example.com", got "https://example.com"`,
    },
    {
      code: `await app.register(beryl, { checkOrigin: async () => true }); await connect(app, { headers: { origin: 'https://example.com' } }).catch(() => {})`,
      says: 'connection refused: origin: checkOrigin gave a promise, wanted an origin for which checkOrigin gives true: by default that of the host, origin https://example.com, host localhost:80',
    },
    {
      code: `… await connect(app, { headers: { origin: 'https://example.com' } }).catch(() => {})`,
      says: 'connection refused: origin, wanted an origin for which checkOrigin gives true: by default that of the host, origin https://example.com, host localhost:80',
    },
  ],
}
