// The lines of docs/history.md, as they stand there.
export function resumingChannel(socket, topic, params = {}) {
  let position = true // at first: a wish for positions
  const place = ({ epoch, offset, recovered }) => {
    position = { epoch, offset: recovered ? position.offset : offset }
  }
  const isNew = (ref) => {
    const offset = Number(ref.slice(1)) // "@42"
    if (position === true || offset <= position.offset) return false
    position.offset = offset
    return true
  }
  const channel = socket.channel(topic, () => ({ ...params, $resume: position }))
  channel.on('$resume', place)
  channel.onEntry = (event, callback) =>
    channel.on(event, (payload, ref) => (ref === null || isNew(ref)) && callback(payload, ref))
  channel.join().receive('ok', ({ $resume }) => $resume && place($resume))
  return channel
}
