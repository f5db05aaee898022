/**
 * In place of `src/cookies.ts`: a page has no Express, all of whose sessions
 * have the same cookie.
 *
 * @module
 */

export function kindOfSession(): undefined {}

export function kindOf(): undefined {}
