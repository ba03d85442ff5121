import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { test } from 'node:test'
import { need } from '../support/need.ts'
import { tls } from '../support/tls.ts'
import { haproxy } from './proxies.ts'
import { RunningProxy } from './proxy.ts'
import { startServer } from './server.ts'
import { testProxy } from './suite.ts'

testProxy(haproxy, {
  silence: [['timeout tunnel 75s', 'timeout tunnel 3s']],
  patience: [['hard-stop-after 10m', 'hard-stop-after 3s']],
})

test(
  'haproxy tells browsers that WebSockets may come over HTTP/2, and hands them on',
  need('haproxy'),
  async (t) => {
    const { port } = await startServer(t)
    const proxy = await RunningProxy.start(t, haproxy, { changes: haproxy.servers([port]) })
    const session = connectHttp2(proxy.origin, { ca: tls.cert })
    t.after(() => session.destroy())
    const [settings] = await once(session, 'remoteSettings')
    assert.equal(settings.enableConnectProtocol, true)
    const request = session.request({
      ':method': 'CONNECT',
      ':protocol': 'websocket',
      ':path': '/socket/websocket?vsn=2.0.0',
      'sec-websocket-version': '13',
    })
    const [headers] = await once(request, 'response')
    assert.equal(headers[':status'], 200)
  },
)
