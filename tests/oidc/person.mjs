// A person with a browser that has no scripts: follows redirects, keeps cookies, fills in forms.

/**
 * Goes from page to page, as far as the first one that has no form.
 *
 * @param url where to begin.
 * @param press what to do at a form, by the name of its prompt: 'submit' or 'cancel'.
 * @returns the address and the text of the last page, and the prompts on the way.
 */
export async function walk(url, press = {}) {
  const jar = new Map();
  const prompts = [];
  let form;
  for (let step = 0; step < 20; step += 1) {
    const { origin } = new URL(url);
    const cookies = [...jar].filter(([key]) => key.startsWith(origin));
    const headers = { cookie: cookies.map(([key, value]) => `${key.split(' ')[1]}=${value}`).join('; ') };
    const answer = await fetch(url, { headers, redirect: 'manual', ...form });
    form = undefined;
    for (const cookie of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie);
      jar.set(`${origin} ${name}`, value);
    }
    const page = await answer.text();
    const location = answer.headers.get('location');
    const prompt = /name="prompt" value="(\w+)"/.exec(page)?.[1];
    if (location) {
      url = new URL(location, url).href;
    } else if (!prompt) {
      return { url, status: answer.status, text: visible(page), prompts };
    } else if (press[prompt] === 'cancel') {
      prompts.push(prompt);
      url = new URL(/href="([^"]*\/abort)"/.exec(page)[1], url).href;
    } else {
      prompts.push(prompt);
      url = new URL(/action="([^"]*)"/.exec(page)[1], url).href;
      form = { method: 'POST', body: new URLSearchParams({ prompt, login: 'ada', password: 'any' }) };
    }
  }
  throw new Error(`there is no end of pages: ${prompts}`);
}

function visible(page) {
  const body = page.replace(/<(style|title)[\s\S]*?<\/\1>/g, '');
  return body.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ').trim();
}
