/**
 * The bound of each thing of the source that can grow, by `file kind name` as `growth.ts` finds it. A file that is named alone
 * speaks for all of its kind. Limits are named as their options are; `docs/limits.md` has those that a client can reach.
 */
export const BOUNDS: Readonly<Record<string, string>> = {
  // The application: as many as it writes down

  'channel/define.ts local events': 'the events that a schema declares',
  'channel/define.ts local infos': 'the infos that a schema declares',
  'channel/define.ts local intercept': 'the events that a schema declares',
  'asyncapi/index.ts local found': 'the channels that the application registers',
  'asyncapi/schemas.ts const LEFT_OUT': 'constant',
  'asyncapi/schemas.ts const BY_NAME': 'constant',
  'asyncapi/schemas.ts const SCHEMAS': 'constant',
  'asyncapi/servers.ts local ofEntrance': 'the entrances that the application opens',
  'channel/checks.ts const guarded': 'weak: the schemas that live',
  'channel/definition.ts const compiled': 'weak: the definitions that live',
  'channel/router.ts field #exact': 'the channels that the application registers: one for each pattern',
  'channel/router.ts field #prefixes': 'the channels that the application registers: one for each pattern',
  'channel/routers.ts field #routers': 'the entrances that the application opens',
  'node/entrances.ts field #ways': 'the entrances that the application opens',
  'session/sessions.ts field #runtimes': 'the entrances that the application opens',
  'plugin.ts const nodes': 'weak: the decorators that live',
  'transport/websocket/neighbours.ts const known': 'weak: the servers that live',
  'transport/in-process.ts const mounts':
    'weak: the servers that live; of each, the entrances that the application opens',
  'channel/schema-walk.ts const DATA': 'constant',
  'channel/schema-walk.ts const BY_NAME': 'constant',
  'channel/schema-walk.ts const GIVEN': 'constant',
  'channel/schema-walk.ts const INSTEAD': 'constant',
  'channel/schema-walk.ts field #seen': 'the schemas within one schema, while it is looked through',
  'channel/checks.ts local seen': 'the schemas within one schema, while it is looked through',
  'channel/schema-visits.ts field #named': 'the names within one schema, while a payload is held against it',
  'channel/schema-visits.ts local named': 'the names within one schema, while a payload is held against it',
  'channel/schema-visits.ts local seen': 'the schemas within one schema, while it is looked through',
  'node/endpoint.ts field #listening':
    'the listeners of channels.subscribe, until their functions are called',
  'node/logger.ts const ofServer': 'constant',
  'node/logger.ts listener on': 'one for each event of telemetry, until the plugin closes',
  'observe/metrics.ts field #names': 'the metrics: constant',
  'observe/metrics.ts field #endings': 'the metrics: constant',
  'ground/telemetry.ts field #listeners':
    'the listeners of the application, until their functions are called',
  'ground/errors.ts const constructors': 'the rows of the table',
  'ground/telemetry.ts listener on': 'the listeners of the application',
  'node/channels.ts listener on': 'the listeners of the application',
  'protocol/frame.ts bytes Buffer.concat': 'one frame',
  'protocol/topic.ts const RESERVED_EVENTS': 'constant',
  'presence/announcer.ts field #listeners':
    'the listeners of presence.onDiff, until their functions are called',

  // The typed client, in the program of its user: as much as that asks for

  'client/channel.ts local listeners':
    'the handlers of the program, until it ends them or leaves, and the joins that it waits for, timeoutMs each',
  'client/channel.ts listener addEventListener': 'one for each join that the program waits for',
  'client/client.ts local known': 'the topics that the program has joined',
  'client/client.ts local listeners': 'the handlers of the program, until it ends them',
  'client/error.ts const PASSING': 'constant',
  'client/events.ts listener on': 'one for each iterator, until it ends',
  'client/pushes.ts listener on':
    'one for each push that waits for its answer: phoenix.js takes it away, after `timeoutMs` at the latest',
  'client/pushes.ts local pushes':
    'MAX_WAITING while it is not joined: then a push fails; else the pushes of the program within timeoutMs',
  'react/seat.ts field #listeners': 'the hooks of components that are mounted',
  'react/index.ts listener on': 'one for each useEvent that is mounted',
  'client/topic.ts local users': 'the channels of the program that have joined, until they leave',

  // Clients: by connection

  'session/sessions.ts field #sessions': 'limits.connections',
  'session/sessions.ts field #byConnectionTopic':
    'limits.connections: a connection has one topic at the most',
  'session/sessions.ts field #closing': 'limits.connections',
  'session/pending-joins.ts field #byTopic':
    'limits.connections × limits.channelsPerConnection, for limits.joinTimeoutMs',
  'session/topics.ts field #others': 'limits.channelsPerConnection',
  'session/meter.ts field #channelsDue': 'MAX_COUNTED: who owes nothing any more is forgotten',
  'session/in-flight.ts field #waiting': 'limits.channelsPerConnection: one for each topic',
  'session/in-flight.ts timer setTimeout': 'one for each connection',
  'session/backlog.ts field #readers': 'limits.connections; their bytes: backpressure.maxTotalBytes',
  'session/outbox.ts field #outboxes': 'the connections that are written to in one turn: limits.connections',
  'session/outbox.ts field #speakers': 'one: presence',
  'session/outbox.ts field #joined': 'KEPT_JOINS (4), within one turn of the event loop',
  'session/outbox.ts field #waiting':
    'what one turn of the event loop sends to one client, within backpressure.maxBufferedBytes',
  'session/outbox.ts bytes Buffer.concat': 'what one turn of the event loop sends to one client',
  'channel/join-backlog.ts field messages': 'limits.mailbox',
  'channel/queue.ts field #queued': 'limits.mailbox, and limits.timers',
  'channel/timers.ts field #timers': 'limits.timers',
  'ground/aged-map.ts field #places': 'that of whoever has one: a row of its own, or the size of a history',
  'node/logger.ts field #writtenAt': 'who was written about within the last second',
  'transport/admissions.ts field #perIp': 'limits.connections: an address without a connection has no entry',
  'transport/doorkeeper.ts field #waiting': 'limits.pendingUpgrades',
  'transport/admissions.ts listener on': 'one for each upgrade, with its answer',
  'transport/unused.ts const served': 'weak: the servers that live',
  'transport/unused.ts field #sockets':
    'the connections that Node holds without a request: server.maxConnections',
  'transport/unused.ts field #shaking':
    "the TLS handshakes under way: server.maxConnections, and Node's handshakeTimeout",
  'transport/unused.ts listener on': 'one for each of these, and four for each server',
  'transport/unused.ts listener once': 'one for each TLS handshake',
  'transport/longpoll/answers.ts const closing': 'weak: the servers that live',
  'transport/in-process.ts const waiting':
    'requests of the testing kit that are at work: taken back when they are answered',
  'transport/longpoll/pollers.ts field #wires': 'limits.connections',
  'transport/longpoll/poll-wire.ts field #gathered':
    'backpressure.maxBufferedBytes for what waits, and as much for what an answer has carried',
  'transport/longpoll/poll-wire.ts field #posts': 'limits.payloadBytes × BATCH_LINES (100): body-budget.ts',
  'ground/moved-timer.ts timer setTimeout': 'one for each session that polls',
  'transport/longpoll/pollers.ts field #foreign':
    'the bodies of POSTs for other nodes that are being read, or wait',
  'transport/longpoll/answers.ts field #waiting': 'the POSTs of a turn of the event loop',
  'transport/longpoll/pages.ts field #pages': 'the bytes that were announced, or MAX_ANSWER_BYTES (64 MiB)',
  'transport/longpoll/pages.ts bytes Buffer.concat': 'as #pages',
  'transport/longpoll/relay.ts field #asked': 'limits.connections',
  'transport/longpoll/relay.ts timer setTimeout': 'one for each request that waits for another node',
  'transport/longpoll/relay-seat.ts field #entrances': 'the entrances that the application opens',
  'transport/longpoll/relay-seat.ts field #polls': 'limits.connections: one for each session',
  'transport/longpoll/relay-seat.ts field #posts': 'body-budget.ts, for 2 s without a page',
  'transport/longpoll/relay-seat.ts timer setTimeout': 'one for each POST whose pages are not all there',
  'transport/longpoll/polls.ts field #untaken':
    'one for each session that polls here, until its connection is gone',
  'transport/longpoll/route.ts listener once': 'one for each server that closes',
  'transport/longpoll/held.ts listener on':
    'one for each poll (limits.connections) and each POST, with its answer',
  'transport/websocket/upgrades.ts field #pending':
    'limits.pendingUpgrades, limits.handshakeTimeoutMs: sockets leave it when they close',
  'transport/websocket/upgrades.ts field closers': 'the mounts of one server',
  'transport/websocket/upgrades.ts timer setTimeout': 'one for each socket that is being upgraded',
  'transport/websocket/upgrades.ts const known': 'weak: the servers that live',
  'transport/longpoll/http-poll.ts timer setTimeout': 'one for each socket, of Node: it goes with the socket',
  'transport/longpoll/route.ts timer setTimeout': 'one for each server that closes, until it has',
  'transport/websocket/upgrades.ts listener':
    'constant for each server, or for each socket that is being upgraded',
  'transport/websocket/neighbours.ts listener': 'constant for each server, or for each socket',
  'transport/websocket/route.ts listener': 'constant for each server, or for each socket',
  'transport/websocket/deflater.ts field #made': 'weak: the frames that live, each with itself compressed',
  'transport/websocket/deflater.ts field #middles': 'weak: the lists that live, each with itself compressed',
  'transport/websocket/deflater.ts field #awaiting': 'limits.connections: those who are sent one frame',
  'transport/websocket/pool.ts field #waiting':
    'MAX_WAITING (64) frames; of the messages of clients one for each connection: limits.connections, limits.payloadBytes',
  'transport/websocket/inflater.ts field #fragments': 'limits.payloadBytes, limits.fragments',
  'transport/websocket/inflater.ts field #forNextTurn':
    'limits.connections: one for each, whose receiver waits for it',
  'transport/websocket/inflater.ts bytes Buffer.concat': 'limits.payloadBytes: one message',
  'transport/websocket/socket-wire.ts listener': 'constant for each connection',

  // Topics

  'pubsub/pubsub.ts field #topics':
    'limits.connections × limits.channelsPerConnection, and the listeners of the application',
  'pubsub/lanes.ts field #listeners': 'constant: presence, groups and history',
  'pubsub/pubsub.ts listener addEventListener': 'constant for each start of the pubsub',
  'pubsub/subscribers.ts field #subscribers': 'limits.connections',
  'pubsub/listeners.ts field #listeners': 'the listeners of channels.subscribe',
  'pubsub/listeners.ts field #row': 'MAX_IN_A_ROW (1,000), until all are told in this turn',
  'channel/define-history.ts const NO_OBJECT': 'constant',
  'history/resumption.ts field #connections': 'CONNECTIONS (4)',
  'history/tail.ts field #previous': 'four epochs, as the contract of a log has it',
  'history/histories.ts field #tails': 'the topics that this node hears',
  'history/histories.ts timer setInterval': 'one for each start of the pubsub, while there are tails',
  'history/pace.ts field #waiting': 'the joined channels: limits.connections, limits.channelsPerConnection',
  'history/pace.ts timer setTimeout': 'one',
  'history/publisher.ts field #lanes': 'MAX_BYTES (32 MiB), and MAX_WAITING (1,000) while the log is away',
  'history/publisher.ts timer setInterval': 'one',
  'history/publisher.ts timer setTimeout': 'one, while a publisher closes',
  'history/replays.ts field #made': 'KEPT (1 MiB)',
  'history/tail.ts field followers': 'the joined channels: limits.connections',
  'history/tail.ts field #early': 'MAX_EARLY (1,000)',
  'history/tail.ts timer setTimeout': 'one for each topic that is heard',
  'history/log-door.ts timer setTimeout':
    'one for each call of the log: MAX_WAITING and the topics that are heard',
  'pubsub/logged.ts field #positioned': 'the versions of the protocol: 2',
  'pubsub/log-entries.ts field #texts': 'the size of the log, and limits.historyBytes',
  'pubsub/memory-log.ts field #topics': 'limits.historyBytes',
  'pubsub/seen.ts field #runs':
    'RUNS (256) starts of other nodes, of each WINDOW (2^20) numbers, a bit for each',
  'pubsub/door.ts const users': 'weak: the adapters that are started',
  'pubsub/door.ts field #failing': 'the methods of an adapter',
  'pubsub/door.ts timer setTimeout': 'one for each stop of the adapter',

  'pubsub/hearing.ts field #pending': 'the topics that the adapter has not confirmed: as pubsub.ts #topics',
  'pubsub/hearing.ts field #refused': 'the topics that the adapter has refused: as pubsub.ts #topics',
  'pubsub/hearing.ts timer setTimeout': 'two for a node',
  'pubsub/confirmation.ts field #others':
    'the joins that wait for one topic: `limits.channelsPerConnection` for each client, for 2 s',

  // The way to other nodes

  'adapters/publisher.ts listener on': 'one, on telemetry of its own',
  'adapters/interest.ts field #topics': 'as pubsub.ts #topics, and what lingers: the joins of 2 s',
  'adapters/interest.ts field #asking': 'as #topics: the topics of one turn',
  'adapters/interest.ts field #leaving': 'as #topics: the topics of one turn',
  'adapters/interest.ts field #unheard': 'as #topics',
  'adapters/lingering.ts field #names': 'as interest.ts #topics',
  'adapters/lingering.ts timer setTimeout': 'one for each link',
  'adapters/asked-later.ts field #names': 'as interest.ts #topics',
  'adapters/asked-later.ts timer setTimeout': 'one for each link',
  'adapters/shards.ts field #uplinks': 'the masters of the cluster, 256 at the most',
  'adapters/shards.ts field #layout': 'PARTITIONS',
  'adapters/shards.ts field #doubted': 'as #uplinks; empty after each survey',
  'adapters/shards.ts timer setTimeout': 'one for each adapter',
  'adapters/redis-scout.ts field #seeds': 'the urls that the application writes down',
  'adapters/redis-scout.ts field #masters': 'the masters of the cluster',
  'adapters/redis-scout.ts listener on': 'one for each connection',
  'adapters/uplink.ts timer setTimeout': 'one for each link',
  'adapters/broker-log.ts field #waiting':
    'as publisher.ts #lanes, and what that gave up on, until the engine answers or the link is lost',
  'adapters/redis-link.ts listener addEventListener': 'one for each attempt to connect',
  'adapters/redis-link.ts listener on': 'three for each connection',
  'adapters/nats-link.ts field #subscriptions': 'as interest.ts #topics',
  'adapters/nats-link.ts listener addEventListener': 'one for each attempt to connect',
  'adapters/cluster-link.ts field #messages': 'MAX_PENDING_BYTES: the adapter drops what is above',
  'adapters/cluster-link.ts field #subscribe': 'as interest.ts #asking: the topics of one turn',
  'adapters/cluster-link.ts field #unsubscribe': 'as interest.ts #asking: the topics of one turn',
  'adapters/cluster-link.ts field #asked': 'commands that are not answered: 5 s, then the link is lost',
  'adapters/cluster-link.ts listener addEventListener': 'one for each attempt to connect',
  'adapters/port.ts listener on': 'two for each node of a worker, and for each worker in the primary',
  'adapters/relay.ts field #wanted': 'the topics of all workers',
  'adapters/relay.ts field topics': 'the topics of one worker',
  'adapters/relay.ts field #messages': 'CREDIT_BYTES',
  'adapters/relay.ts field #answers':
    'half of CREDIT_BYTES and one page; of positions, what one turn asked for',
  'adapters/relay.ts field reads': 'as cluster-log.ts #asked, of one node',
  'adapters/cluster-log.ts field #asked':
    'MAX_PENDING_BYTES: nothing is asked above, and it ends with the link',
  'adapters/cluster-link.ts field #asks': 'as cluster-log.ts #asked: the questions of one turn',
  'adapters/forked-worker.ts listener on': 'two for each worker',
  'adapters/forked-worker.ts listener once': 'one for each worker',
  'adapters/forked-worker.ts listener addEventListener': 'one for each worker, until it listens',

  // Presence: by owner and by node

  'presence/ledger.ts field #others': 'the presences of one owner: presence.limits.keys for each topic',
  'presence/ledger.ts field #holdings':
    'owners: channels that are joined, and signals of the application, × presence.limits.keys',
  'presence/options.ts const resolved': 'weak: the options that live',
  'presence/owners.ts field #known': 'weak: the owners that live',
  'presence/late-updates.ts field #owners':
    'the owners that track anything, × presence.limits.keys for each topic',
  'presence/late-updates.ts timer setTimeout': 'one for each owner',
  'presence/announcer.ts field #newcomers': 'who joins within one turn: limits.joins',
  'presence/view.ts field #topics': 'the presences of all nodes',
  'presence/view.ts field #untold': 'the changes within one turn',
  'presence/view.ts field #shown': 'the presences of all nodes',
  'presence/view.ts field #hidden': 'the presences of all nodes',
  'presence/diff.ts local metas': 'the changes within one turn',
  'presence/pacing.ts field #topics': 'the topics that were told a diff within diffMs',
  'presence/pacing.ts timer setTimeout': 'one for each topic that was told a diff within diffMs',
  'presence/states.ts field #kept':
    'the topics that somebody joined within two seconds, each as large as its shown keys',
  'presence/states.ts timer setTimeout': 'one',
  'presence/untold.ts field #joins': 'the presences of one topic that came within diffMs',
  'presence/untold.ts field #leaves': 'the presences of one topic that went within diffMs',
  'presence/journal.ts field #rows': 'the presences of this node',
  'presence/journal.ts field #changes':
    'the size of the journal: the oldest go, and a snapshot takes their place',
  'presence/peer.ts field #rows': 'the presences of one node',
  'presence/peer.ts field #stale': 'the presences of one node, until what replaces them is complete',
  'presence/state.ts field #peers': 'MAX_PEERS (1,024) nodes that were heard within permanentDownMs',
  'presence/state.ts field #outgoing':
    'what one message of another node is answered with: its own rows, and MAX_INTRODUCED (64) in a period',
  'presence/messages.ts local vector': 'the bytes of one message',

  // Groups: by the application

  'groups/group-set.ts field #writers':
    'the starts of nodes that changed groups, since the last moment without a node',
  'groups/group-set.ts field #groups': 'the groups that the application makes',
  'groups/group-set.ts field #changed':
    'the changes within one period; without a process they are taken at once',
  // Replication

  'replication/replicated.ts timer setInterval': 'one for presence, one for groups',

  // Supervision: by the application

  'supervision/actor-message.ts field #args': 'the arguments of one call',
  'supervision/actor.ts field #args': 'the arguments of one spec',
  'supervision/dynamic-child.ts field #args': 'the arguments of one child',
  'supervision/actor-process.ts field #owed':
    'the calls that have no answer yet: an actor refuses by context.mailboxLength',
  'supervision/actor-process.ts field #monitors':
    'the monitors of the application, until their functions are called',
  'supervision/actor-process.ts timer setTimeout': 'one for each call that has no answer yet',
  'supervision/exit-reason.ts listener addEventListener': 'one for each start, taken off when it is done',
  'supervision/actor-ref.ts const faces': 'weak: the classes that live',
  'supervision/actor-ref.ts const castsOf': 'weak: the classes that live',
  'supervision/actor-ref.ts local names': 'the methods of one class',
  'supervision/actor.ts const classOf': 'weak: the refs that live',
  'supervision/child-spec.ts const resolved': 'weak: the specs that live',
  'supervision/dynamic-supervisor.ts field #children': 'maxChildren, or as many as the application starts',
  'supervision/supervisor.ts field #children': 'the children that the application writes down',
  'supervision/retries.ts field #byChild': 'one for each child',
  'supervision/retries.ts timer setTimeout': 'one for each child that waits, ended with its wait',
  'supervision/end-signals.ts listener addEventListener': 'two for each supervisor',
  'supervision/life.ts timer setTimeout': 'one for each start of a child',
  'supervision/time-limit.ts timer setTimeout': 'one for each length of time that children are given to stop',
  'supervision/time-limit.ts field #byLength': 'the lengths of time that children are given to stop',
  'supervision/mailbox.ts field #waiting':
    'the requests of the application; of an actor, what it is sent: it refuses by context.mailboxLength',
  'supervision/registry.ts const holders': 'the named processes that live',
  'supervision/restart-policy.ts field #times': 'intensity, of restarts within periodMs',
  'supervision/scope.ts field #disposers':
    'what one incarnation owns: each is taken out when it is cancelled, or has run',
  'supervision/scope.ts timer setTimeout': 'what one incarnation owns',
  'supervision/scope.ts timer setInterval': 'what one incarnation owns',
  'supervision/scope.ts listener on': 'what one incarnation owns',
  'supervision/thread.ts listener': 'constant for each thread',
  'supervision/worker.ts listener addEventListener': 'one for each worker, however often it waits',

  // Time

  'ground/deadline.ts timer setTimeout': 'one for each deadline',
  'ground/watch.ts timer setInterval': 'one for each watch',
  'ground/watch.ts timer setTimeout': 'one for each watch',

  // The testing kit keeps what a test may ask for, for as long as the test has it

  'testing/': 'one test',
}
