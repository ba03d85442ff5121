import { Presence, Socket } from './phoenix.mjs'
import { resumingChannel } from './resume.js'

const IDLE_AFTER_MS = 60_000
const TYPING_FADES_AFTER_MS = 4_000
const CUT_FOR_MS = 10_000
/** The connection was closed without a code: nobody but this page does that. */
const CLOSED_HERE = 1005
const MESSAGES_SHOWN = 200
const ROOMS = ['lobby', 'garden', 'workshop']

const $ = (id) => document.getElementById(id)

// My name, and the room of the address

const me = await askName()
const roomInAddress = () => decodeURIComponent(location.hash.slice(1)) || ROOMS[0]

async function askName() {
  const known = localStorage.getItem('name')
  if (known) return known
  $('welcome').showModal()
  await new Promise((entered) => $('welcome').addEventListener('submit', entered, { once: true }))
  const name = $('name').value.trim()
  localStorage.setItem('name', name)
  return name
}

// The connection: one socket, one channel for the room that is open

const socket = new Socket('/socket', { params: { name: me } })
socket.onClose(({ code }) => {
  show('reconnecting')
  if (code !== CLOSED_HERE) turnToNextNode()
})
socket.connect()

/** Where there are several nodes: the origins of all, the one that we speak to, and the one that has us. */
let nodes = []
let node = location.origin
let home = ''

/** phoenix.js goes on to try by itself: at the next node. */
function turnToNextNode() {
  if (nodes.length === 0) return
  node = nodes[(nodes.indexOf(node) + 1) % nodes.length]
  socket.endPoint = `${node.replace('http', 'ws')}/socket/websocket`
}

/** The people who are typing, each with the timer that makes it fade. */
const typers = new Map()
/** Between a join and the list of those who are there: they did not come in just now. */
let isSyncing = true
let isAtEnd = true
let status = 'online'
/** Messages with a lower offset, or this one, were said while we were away; 0 where none are awaited. */
let missedUpTo = 0
let channel = enter(roomInAddress())

function enter(room) {
  // The status is that of the moment, at each join.
  const params = {
    get status() {
      return status
    },
  }
  const joining = resumingChannel(socket, `room:${room}`, params)
  let isFirst = true
  const presence = new Presence(joining)
  presence.onSync(() => {
    isSyncing = false
    drawPeople(presence.list((name, { metas }) => ({ name, metas })))
  })
  presence.onJoin((name, before) => before || drawComing(name, 'came in'))
  presence.onLeave((name, { metas }) => metas.length > 0 || goodbye(name))
  joining.onEntry('said', (message, ref) => {
    drawMissed(ref)
    drawMessage(message)
  })
  joining.on('typing', ({ from, on }) => markTyping(from, on))
  joining.on('announced', ({ body }) => drawNote(body, 'announcement'))
  joining.onError(() => socket.isConnected() && show('rejoining'))
  joining.joinPush
    .receive('ok', (reply) => {
      entered(reply, isFirst)
      isFirst = false
    })
    .receive('error', refused)
  drawRoom(room)
  return joining
}

/** Runs after each join: the first, and those after the connection or the channel was lost. What was missed follows. */
function entered({ recent, nodes: all, $resume: { recovered, offset } }, isFirst) {
  isSyncing = true
  nodes = all
  missedUpTo = recovered ? offset : 0
  if (!isFirst && !recovered) drawNote('Messages may be missing here', 'gap')
  for (const message of recent) drawMessage(message)
  const hasMoved = home !== '' && home !== node
  home = node
  drawNode()
  if (hasMoved) return show('moved')
  show(
    ['reconnecting', 'rejoining', 'unavailable', 'back'].includes(document.body.dataset.state)
      ? 'back'
      : 'online',
  )
}

function refused({ reason }) {
  if (reason === 'history_unavailable') return show('unavailable')
  show('online')
  drawNote(`You cannot join: ${reason}.`, 'trouble')
}

function say(body) {
  channel
    .push('say', { body })
    .receive('error', ({ reason }) => drawNote(`Not sent (${reason}): ${body}`, 'trouble'))
    .receive('timeout', () => drawNote(`Not sent, nobody answered: ${body}`, 'trouble'))
}

function goodbye(name) {
  markTyping(name, false)
  drawComing(name, 'left')
}

addEventListener('hashchange', () => {
  channel.leave()
  channel = enter(roomInAddress())
})

// My presence: here, and typing

let idleTimer
let typingUntil = 0

function beActive() {
  setStatus('online')
  clearTimeout(idleTimer)
  idleTimer = setTimeout(() => setStatus('idle'), IDLE_AFTER_MS)
}

function setStatus(now) {
  if (now === status) return
  status = now
  // A channel that is not joined says it with its next join.
  if (channel.state === 'joined') channel.push('status', { status })
}

/** Says so at most every half fading time, as long as keys are pressed. */
function beTyping(on) {
  if (channel.state !== 'joined' || (on && performance.now() < typingUntil)) return
  if (!on && typingUntil === 0) return
  typingUntil = on ? performance.now() + TYPING_FADES_AFTER_MS / 2 : 0
  channel.push('typing', { on })
}

for (const event of ['pointerdown', 'keydown', 'focus']) addEventListener(event, beActive)
document.addEventListener('visibilitychange', () => (document.hidden ? setStatus('idle') : beActive()))
beActive()

// Forms

onSubmit('composer', 'body', (body) => {
  typingUntil = 0
  say(body)
})
onSubmit('other-room', 'other-room-name', (room) => {
  location.hash = room
})
onSubmit('announce', 'announcement', (body) =>
  fetch(`${node}/announce`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ body }),
  }).catch(() => drawNote(`Not announced: ${body}`, 'trouble')),
)
$('body').addEventListener('input', ({ target }) => beTyping(target.value !== ''))
$('crash').addEventListener('click', () => channel.push('crash', {}))
$('cut').addEventListener('click', () => {
  setTimeout(() => socket.connect(), CUT_FOR_MS)
  socket.disconnect()
})

function onSubmit(form, field, act) {
  $(form).addEventListener('submit', (event) => {
    event.preventDefault()
    const value = $(field).value.trim()
    $(field).value = ''
    if (value !== '') act(value)
  })
}

// Drawing

function show(state) {
  const sayings = {
    reconnecting: 'Connection lost. Reconnecting…',
    rejoining: 'The channel crashed. Joining again…',
    unavailable: 'The log of this room is out of reach. Joining again…',
    back: 'Back again.',
    moved: `That node is gone: moved to ${hostOf(node)}.`,
  }
  document.body.dataset.state = state
  $('state').textContent = sayings[state] ?? ''
  if (['back', 'moved'].includes(state))
    setTimeout(() => document.body.dataset.state === state && show('online'), 3_000)
}

function drawNode() {
  $('node').textContent = nodes.length === 0 ? '' : `served by ${hostOf(node)}`
}

const hostOf = (origin) => origin.replace(/^.*\/\//, '')

function drawRoom(room) {
  $('room').textContent = room
  $('messages').replaceChildren()
  isAtEnd = true
  $('people').replaceChildren()
  for (const name of typers.keys()) markTyping(name, false)
  $('rooms').replaceChildren(...[...new Set([...ROOMS, room])].map((name) => roomLink(name, name === room)))
  $('side').matches(':popover-open') && $('side').hidePopover()
  document.title = `${room} · Beryl chat`
}

function roomLink(name, isOpen) {
  const link = element('a', '', name)
  link.href = `#${encodeURIComponent(name)}`
  if (isOpen) link.ariaCurrent = 'page'
  return element('li', '', link)
}

function drawPeople(people) {
  $('people').replaceChildren(...people.map(person))
  $('who').textContent = people.length
}

function person({ name, metas }) {
  const isIdle = metas.every((meta) => meta.status === 'idle')
  const row = element('li', isIdle ? 'person idle' : 'person', avatar(name), element('b', '', name))
  if (name === me) row.append(element('small', '', 'you'))
  if (isIdle) row.append(element('small', '', 'idle'))
  if (metas.length > 1) row.append(element('small', 'tabs', `${metas.length} tabs`))
  return row
}

/** A join that is told the last messages may give some that are shown already, or older than those. */
function drawMessage({ id, from, body, at }) {
  if ($(`said-${id}`)) return
  markTyping(from, false)
  const time = element(
    'time',
    '',
    new Date(at).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' }),
  )
  const kind = from === me ? 'said mine' : 'said'
  const row = element('li', kind, avatar(from), element('b', '', from), time, element('p', '', body))
  row.id = `said-${id}`
  row.dataset.from = from
  row.dataset.at = at
  const later = [...$('messages').querySelectorAll('.said')].find((other) => other.dataset.at > at)
  append(row, later)
  for (const drawn of [row, later])
    drawn?.classList.toggle('more', drawn.previousElementSibling?.dataset.from === drawn.dataset.from)
}

/** Draws the mark above the first message that we missed, which says how many there are. @param ref such as "@42" */
function drawMissed(ref) {
  const count = missedUpTo - Number(ref?.slice(1)) + 1
  missedUpTo = 0
  if (count > 0) drawNote(`${count === 1 ? 'A message' : `${count} messages`} while you were away`, 'missed')
}

function drawNote(text, kind) {
  append(element('li', `note ${kind}`, text))
}

/** Not while everybody comes back after trouble of the connection. */
function drawComing(name, what) {
  const isCalm = document.body.dataset.state === 'online' && !isSyncing
  if (isCalm && name !== me) drawNote(`${name} ${what}`, 'coming')
}

function append(row, before = null) {
  const list = $('messages')
  isAtEnd ||= row.classList.contains('mine')
  list.insertBefore(row, before)
  while (list.childElementCount > MESSAGES_SHOWN) list.firstElementChild.remove()
  stayAtEnd()
}

/** A reader of the last messages goes on to see them when more come, or when a phone's keyboard takes their place. */
function stayAtEnd() {
  if (isAtEnd) $('messages').scrollTop = $('messages').scrollHeight
}

$('messages').addEventListener('scroll', ({ target }) => {
  isAtEnd = target.scrollHeight - target.scrollTop - target.clientHeight < 80
})
new ResizeObserver(stayAtEnd).observe($('messages'))

function markTyping(name, on) {
  clearTimeout(typers.get(name))
  typers.delete(name)
  if (on)
    typers.set(
      name,
      setTimeout(() => markTyping(name, false), TYPING_FADES_AFTER_MS),
    )
  $('typing').textContent = typingLine([...typers.keys()])
}

function typingLine(names) {
  if (names.length === 0) return ''
  if (names.length > 2) return `${names.length} people are typing…`
  return `${names.join(' and ')} ${names.length === 1 ? 'is' : 'are'} typing…`
}

function avatar(name) {
  const sum = [...name].reduce((before, letter) => (before * 31 + letter.codePointAt(0)) % 9973, 0)
  const gem = element('i', 'avatar', [...name][0].toUpperCase())
  gem.style.setProperty('--hue', (sum * 137.5) % 360)
  gem.ariaHidden = 'true'
  return gem
}

function element(tag, className, ...children) {
  const created = document.createElement(tag)
  created.className = className
  created.append(...children)
  return created
}
