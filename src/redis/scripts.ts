/**
 * What is done in Redis at one stroke, as Lua for Redis 6.2 or later and Valkey.
 * Each script touches keys of one slot only, so that it runs on a cluster.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { AT, INSIDE, OUTSIDE } from "./record.ts";

/** A script, and the name that Redis gives it. */
export interface Script {
  readonly text: string;
  readonly sha: string;
}

function script(text: string): Script {
  return { text, sha: sha1(text) };
}

/** As Redis computes it, of a script or of a text. */
export function sha1(text: string): string {
  return createHash("sha1").update(text).digest("hex");
}

/** The time, in microseconds since the epoch. */
const CLOCK = `
local function clock()
  local time = redis.call('TIME')
  return time[1] .. string.format('%06d', time[2])
end`;

/** Whether a text has a mark of this package. */
const IS_MARKED = `
local function isMarked(text)
  local start = string.sub(text, 1, ${INSIDE.length})
  return start == '${INSIDE}' or start == '${OUTSIDE}'
end`;

/**
 * Whether the mark of a session starts as `guard` says, which reaches to the index's life at
 * most. Numbers are strings here: it takes Lua a tenth of a script to write one.
 */
const startsWith = (guard: string) =>
  `string.sub(redis.call('GETRANGE', KEYS[1], '${AT.identity}', '${
    AT.indexed - 1
  }'), 1, #${guard}) == ${guard}`;

/**
 * Writes a session in place of the version that it was made of.
 *
 * KEYS session
 * ARGV start of that version's mark, text, life in ms | '' for ever | 'keep'
 * @returns 1; or what is kept instead, if anything.
 */
export const UPDATE = script(`
local key = KEYS[1]
if not (${startsWith("ARGV[1]")}) then
  return redis.call('GET', key)
end
if ARGV[3] == 'keep' then redis.call('SET', key, ARGV[2], 'KEEPTTL')
elseif ARGV[3] == '' then redis.call('SET', key, ARGV[2])
else redis.call('SET', key, ARGV[2], 'PX', ARGV[3]) end
return 1`);

/**
 * Writes a session in every other case: it signs a user in, is new, was written
 * by another store, or its life is unknown.
 *
 * KEYS session, ended
 * ARGV mode, guard, text, life in ms | '' | 'keep', since | '', when enrolled | '',
 *   longest time since then in microseconds, life in the mark if there is a session already | '',
 *   its life in ms
 *
 * Modes: 'marked', the start of the mark is as the guard says; 'unmarked', its
 * SHA-1 is; 'absent', there is none; 'any', there may be one, which this one
 * continues.
 * @returns 1; identity and creation of the one that was continued; 0 if the session has ended since;
 * -1 if it was enrolled too long ago; or what is kept instead, if anything.
 */
export const SAVE = script(`${CLOCK}${IS_MARKED}
local key, mode, guard, text, life = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if ARGV[6] ~= '' and tonumber(clock()) - tonumber(ARGV[6]) > tonumber(ARGV[7]) then return -1 end
if ARGV[5] ~= '' then
  local ended = redis.call('GET', KEYS[2])
  if ended and tonumber(ended) >= tonumber(ARGV[5]) then return 0 end
end
local continued
if mode == 'marked' then
  if not (${startsWith("guard")}) then
    return redis.call('GET', key)
  end
elseif mode == 'unmarked' then
  local current = redis.call('GET', key)
  if not current or redis.sha1hex(current) ~= guard then return current end
else
  local isNew
  if life == '' then isNew = redis.call('SET', key, text, 'NX')
  else isNew = redis.call('SET', key, text, 'NX', 'PX', life) end
  if isNew then return 1 end
  if mode == 'absent' then return redis.call('GET', key) end
  if ARGV[8] ~= '' then
    text = string.sub(text, 1, ${AT.rank}) .. ARGV[8] .. string.sub(text, ${AT.user} + 1)
    life = ARGV[9]
  end
  local head = redis.call('GETRANGE', key, '0', '${AT.rank - 1}')
  if isMarked(head) then
    text = string.sub(text, 1, ${AT.identity}) .. string.sub(head, ${AT.identity} + 1, ${AT.revision})
      .. string.sub(text, ${AT.revision} + 1, ${AT.created})
      .. string.sub(head, ${AT.created} + 1) .. string.sub(text, ${AT.rank} + 1)
  end
  continued = string.sub(text, ${AT.identity} + 1, ${AT.indexed})
end
if life == 'keep' then redis.call('SET', key, text, 'KEEPTTL')
elseif life == '' then redis.call('SET', key, text)
else redis.call('SET', key, text, 'PX', life) end
return continued or 1`);

/**
 * Extends the life of a session whose version has not changed.
 *
 * KEYS session
 * ARGV start of its mark, new text from the rank on, life in ms | '' for ever | 'keep'
 * @returns 1; or what is kept instead, if anything.
 */
export const TOUCH = script(`
local key = KEYS[1]
if not (${startsWith("ARGV[1]")}) then
  return redis.call('GET', key)
end
redis.call('SETRANGE', key, '${AT.rank}', ARGV[2])
if ARGV[3] == '' then redis.call('PERSIST', key)
elseif ARGV[3] ~= 'keep' then redis.call('PEXPIRE', key, ARGV[3]) end
return 1`);

/**
 * Ends a session, and remembers that, whether there is one or not.
 *
 * KEYS session, ended
 * ARGV which: '*' any, '=user' that of a user, '#sha1' that very text; time | ''; how long it is
 *   remembered in ms; channel; id
 * @returns The time and the session that was ended; or '' and one that has no mark, if a user's
 * was to be ended.
 */
export const END = script(`${CLOCK}${IS_MARKED}
local now = clock()
local which = ARGV[1]
local ended = ARGV[2] == '' and now or ARGV[2]
local before = redis.call('GET', KEYS[2])
if not before or tonumber(before) < tonumber(ended) then
  redis.call('SET', KEYS[2], ended, 'PX', ARGV[3])
end
local text = redis.call('GET', KEYS[1])
if not text then return {now} end
local kind = string.sub(which, 1, 1)
if kind == '=' and not isMarked(text) then return {now, '', text} end
if kind == '=' and string.match(text, '^[^"]*', ${AT.user} + 1) ~= which then return {now} end
if kind == '#' and redis.sha1hex(text) ~= string.sub(which, 2) then return {now} end
redis.call('DEL', KEYS[1])
redis.call('PUBLISH', ARGV[4], ARGV[5] .. '\\n' .. text)
return {now, text}`);

/**
 * Enters a session into the index of its user, before it is saved.
 *
 * KEYS index, revocations of the user
 * ARGV id, when the request began in microseconds | '' for no sign-in, its mark | '+', most sessions
 *   of a user, life of the index in ms | '', '1' if another store wrote the session
 * @returns The time, and 'stale', 'many' or 'ok'.
 */
export const ENROL = script(`${CLOCK}
local now = clock()
if ARGV[2] ~= '' then
  for _, one in ipairs(redis.call('LRANGE', KEYS[2], '0', '-1')) do
    local at, sid, request = string.match(one, '^(%S+) (%S+) (%S+)$')
    if tonumber(at) > tonumber(ARGV[2]) and sid ~= ARGV[1] and request ~= ARGV[3] then
      return {now, 'stale'}
    end
  end
end
redis.call('ZADD', KEYS[1], ARGV[6] == '1' and '-' .. now or now, ARGV[1])
local count = redis.call('ZCARD', KEYS[1])
local left = redis.call('PTTL', KEYS[1])
if ARGV[5] == '' then redis.call('PERSIST', KEYS[1])
elseif left == -1 and count == 1 or left >= 0 and left < tonumber(ARGV[5]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[5])
end
return {now, count > tonumber(ARGV[4]) and 'many' or 'ok'}`);

/**
 * Revokes a user.
 *
 * KEYS index, revocations of the user
 * ARGV spared id | '-', mark of the spared request | '-', how long it is remembered in ms, most
 *   revocations
 * @returns The time and the ids in the index.
 */
export const REVOKE = script(`${CLOCK}
local now = clock()
redis.call('RPUSH', KEYS[2], now .. ' ' .. ARGV[1] .. ' ' .. ARGV[2])
if redis.call('LLEN', KEYS[2]) > tonumber(ARGV[4]) then
  redis.call('LPOP', KEYS[2])
  local oldest = redis.call('LPOP', KEYS[2])
  redis.call('LPUSH', KEYS[2], string.match(oldest, '^%S+') .. ' - -')
end
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return {now, redis.call('ZRANGE', KEYS[1], '0', '-1')}`);

/**
 * Takes ids out of the index of a user, unless they were entered later.
 *
 * KEYS index
 * ARGV time in microseconds, ids…
 */
export const LEAVE = script(`
for i = 2, #ARGV do
  local score = redis.call('ZSCORE', KEYS[1], ARGV[i])
  if score and math.abs(tonumber(score)) <= tonumber(ARGV[1]) then
    redis.call('ZREM', KEYS[1], ARGV[i])
  end
end
return 1`);

/**
 * Notes that all sessions are cleared.
 *
 * KEYS cleared
 * ARGV how long it is remembered in ms, channel
 * @returns The time.
 */
export const CLEAR = script(`${CLOCK}
local now = clock()
redis.call('SET', KEYS[1], now, 'PX', ARGV[1])
return now`);

export const SCRIPTS: Script[] = [UPDATE, SAVE, TOUCH, END, ENROL, REVOKE, LEAVE, CLEAR];
