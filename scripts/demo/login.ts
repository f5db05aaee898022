/**
 * The sign-in page of the demo: a plain form with a CSRF token, as many apps have
 * one. Its session is a newcomer until the form is sent.
 *
 * @module
 */

function page(title: string, content: string): string {
  return `<!DOCTYPE html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>${title}</title>
    <link rel="stylesheet" href="monitor/base.css">
    <link rel="stylesheet" href="style.css">
  </head>
  <body class="frame">
    <main aria-label="Sign in">
      <h1>${title}</h1>
      ${content}
    </main>
  </body>
</html>
`;
}

/** The form, with the token that its session keeps. */
export function signInForm(token: string): string {
  return page(
    "Sign in",
    `<form method="post" action="login">
        <input type="hidden" name="token" value="${token}">
        <div class="field">
          <label for="name">Name</label>
          <input id="name" name="name" value="grace" required maxlength="40" autocomplete="off">
        </div>
        <button>Sign in</button>
      </form>`,
  );
}

/** The answer to a form whose token is the one of its session. */
export const signedIn: string = page(
  "Signed in",
  `<p class="good" role="status">The session of the form was still there.</p>
      <p><a href="login">Open the form again</a></p>`,
);

/** The answer to a form whose session has gone, or never was. */
export const expiredForm: string = page(
  "Form expired",
  `<p class="bad" role="alert">The session of the form is gone.</p>
      <p><a href="login">Open the form again</a></p>`,
);
