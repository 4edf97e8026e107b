// Makes the chat quick: sends without leaving the page, and brings new messages by themselves. All pages work without it.
'use strict';
(() => {
  const body = document.body;
  const one = (css, from = document) => from.querySelector(css);
  const all = (css, from = document) => [...from.querySelectorAll(css)];
  const channel = body.dataset.channel;
  const thread = body.dataset.thread;
  const dialog = one('#dialog');
  let revision = Number(body.dataset.revision || 0);
  let opener = null;

  const token = () => [...crypto.getRandomValues(new Uint8Array(16))].map(b => b.toString(16).padStart(2, '0')).join('');

  let fading;
  function tell(text) {
    const toast = one('#toast');
    if (!toast) return;
    toast.textContent = text;
    toast.hidden = false;
    clearTimeout(fading);
    fading = setTimeout(() => { toast.hidden = true; }, 6000);
  }

  async function ask(url, options = {}) {
    const answer = await fetch(url, { ...options, headers: { accept: 'application/json' }, credentials: 'same-origin' });
    const json = await answer.json().catch(() => ({}));
    if (json.sign_in) { location.assign('/sign-in'); }
    if (!answer.ok) { const error = new Error(json.error || ''); error.told = json.error; throw error; }
    return json;
  }

  // Sending

  function press(button, on) {
    if (!button) return;
    button.classList.toggle('pressed', on);
    button.toggleAttribute('aria-disabled', on);
    if (on) button.setAttribute('aria-disabled', 'true');
  }

  async function send(form, button) {
    if (form.dataset.busy) return;
    const data = new URLSearchParams(new FormData(form, button));
    // The same token until it was taken: a repeated try is the same message.
    form.dataset.token ||= token();
    data.set('token', form.dataset.token);
    form.dataset.busy = '1';
    press(button, true);
    try {
      const answer = await ask(form.action, { method: 'POST', body: data });
      delete form.dataset.token;
      if (answer.go) { location.assign(answer.go); return; }
      const written = one('textarea', form);
      if (form.matches('[data-composer]') && written && written.value === data.get('text')) {
        written.value = '';
        grow(written);
        written.focus();
        const scroller = one('.scroller', form.parentElement);
        if (scroller) scroller.scrollTop = 0;
      }
      all('details.menu[open]').forEach(menu => { menu.open = false; });
      if (answer.dialog) show(answer.dialog);
      else if (dialog && dialog.contains(form)) dialog.close();
      await refresh();
    } catch (error) {
      tell(error.told || body.dataset.notSent || '');
    } finally {
      delete form.dataset.busy;
      press(button, false);
    }
  }

  document.addEventListener('submit', event => {
    const form = event.target;
    if (form.matches('[data-fetch]')) {
      event.preventDefault();
      opener = event.submitter;
      send(form, event.submitter);
    } else if (form.dataset.busy) {
      event.preventDefault();
    } else {
      form.dataset.busy = '1';
      press(event.submitter, true);
    }
  });
  addEventListener('pageshow', event => {
    if (!event.persisted) return;
    all('form[data-busy]').forEach(form => { delete form.dataset.busy; all('.pressed', form).forEach(b => press(b, false)); });
    refresh();
  });

  // Forms and questions

  function show(html) {
    dialog.innerHTML = html;
    if (!dialog.open) dialog.showModal();
    const first = one('[aria-invalid="true"]', dialog) || one('input:not([type="hidden"]), textarea, select', dialog) || one('button', dialog);
    if (first) first.focus();
  }
  if (dialog) {
    dialog.addEventListener('close', () => {
      dialog.textContent = '';
      if (opener && opener.isConnected && opener.offsetParent) opener.focus();
    });
  }
  document.addEventListener('click', async event => {
    const link = event.target.closest('a');
    if (link && link.matches('[data-dialog]') && dialog) {
      event.preventDefault();
      const menu = link.closest('details');
      opener = menu ? one('summary', menu) : link;
      if (menu) menu.open = false;
      try { show((await ask(link.href)).dialog); } catch (error) { tell(error.told || body.dataset.notSent); }
    } else if (link && link.matches('[data-close]') && dialog && dialog.open) {
      event.preventDefault();
      dialog.close();
    } else if (link && link.matches('[data-nav]')) {
      event.preventDefault();
      navigate(!body.classList.contains('nav-open'));
    }
    all('details.menu[open]').forEach(menu => { if (!menu.contains(event.target)) menu.open = false; });
    if (event.target.closest('[data-below]')) { one('#messages').scrollTop = 0; }
  });

  function navigate(open) {
    body.classList.toggle('nav-open', open);
    const to = one(open ? '.close-nav' : '.open-nav');
    if (to) to.focus();
  }
  document.addEventListener('keydown', event => {
    if (event.key !== 'Escape') return;
    const menu = one('details.menu[open]');
    if (menu) { menu.open = false; one('summary', menu).focus(); }
    else if (body.classList.contains('nav-open')) navigate(false);
  });

  // Writing

  const touch = matchMedia('(pointer: coarse)').matches;
  function grow(area) {
    if (CSS.supports('field-sizing', 'content')) return;
    area.style.height = 'auto';
    area.style.height = `${area.scrollHeight}px`;
  }
  all('[data-composer] textarea').forEach(area => {
    grow(area);
    area.addEventListener('input', () => grow(area));
    area.addEventListener('keydown', event => {
      if (event.key === 'Enter' && !event.shiftKey && !event.isComposing && !touch) {
        event.preventDefault();
        if (area.value.trim()) area.form.requestSubmit(one('.send', area.form));
      }
    });
  });

  // What arrives

  const list = one('[data-list]');
  const threadList = one('[data-thread-list]');
  const below = one('[data-below]');
  const scroller = one('#messages');
  const title = document.title;
  const isUp = () => scroller && scroller.scrollTop < -120;
  if (scroller) scroller.addEventListener('scroll', () => { if (!isUp()) below.hidden = true; }, { passive: true });

  function put(into, item) {
    const old = one(`.message[data-id="${CSS.escape(item.id)}"]`, into);
    if (item.gone) { if (old) old.remove(); return false; }
    const template = document.createElement('template');
    template.innerHTML = item.html;
    const fresh = one('.message', template.content);
    if (old) {
      const had = old.contains(document.activeElement) ? all('button, a, summary', old).indexOf(document.activeElement) : -1;
      old.replaceWith(fresh);
      if (had >= 0) { const next = all('button, a, summary', fresh); (next[Math.min(had, next.length - 1)] || scroller).focus(); }
      return false;
    }
    const messages = all('.message', into);
    const after = messages.filter(m => Number(m.dataset.position) < item.position).pop();
    if (!after && messages.length) return false;
    fresh.classList.add('arrived');
    if (after) after.after(fresh); else into.append(fresh);
    return true;
  }

  // Days, and messages of one author together.
  function tidy(into) {
    let before = null;
    for (const message of all('.message', into)) {
      let mark = message.previousElementSibling;
      const other = !before || before.dataset.day !== message.dataset.day;
      if (mark && mark.matches('.day') && !other) { mark.remove(); mark = message.previousElementSibling; }
      if (other && !(mark && mark.matches('.day, .new-mark'))) {
        mark = document.createElement('li');
        mark.className = 'day';
        const label = document.createElement('span');
        label.textContent = message.dataset.dayLabel;
        mark.append(label);
        message.before(mark);
      }
      const gap = before ? Number(message.dataset.minute) - Number(before.dataset.minute) : -1;
      message.classList.toggle('grouped', before !== null && before === message.previousElementSibling && gap >= 0 && gap < 5
        && before.dataset.author === message.dataset.author && !before.matches('.deleted')
        && before.matches('.only') === message.matches('.only'));
      before = message;
    }
  }

  function apply(news) {
    revision = news.revision;
    const up = isUp();
    const arrived = news.list.map(item => put(list, item)).some(Boolean);
    if (threadList) { news.thread.forEach(item => put(threadList, item)); tidy(threadList); }
    tidy(list);
    one('.empty').hidden = all('.message', list).length > 0;
    if (arrived && up) below.hidden = false;
    let elsewhere = 0;
    for (const { id, count, label } of news.unread) {
      const entry = one(`[data-entry="${CSS.escape(id)}"]`);
      if (!entry) continue;
      const shown = id === channel && document.visibilityState === 'visible' ? 0 : count;
      entry.classList.toggle('unread', shown > 0);
      one('.badge', entry).textContent = shown;
      one('.entry-label', entry).textContent = label;
      elsewhere += shown;
    }
    one('.open-nav').classList.toggle('unread', elsewhere > 0);
    document.title = elsewhere > 0 ? `(${elsewhere}) ${title}` : title;
  }

  let looking = false;
  let again = false;
  async function refresh() {
    if (!channel || body.dataset.old !== undefined) return;
    if (looking) { again = true; return; }
    looking = true;
    try {
      do {
        again = false;
        const query = new URLSearchParams({ since: revision, seen: document.visibilityState === 'visible' });
        if (thread) query.set('thread', thread);
        apply(await ask(`/chat/${channel}/updates?${query}`));
      } while (again);
    } catch { /* The next event or look brings it. */ } finally { looking = false; }
  }

  let stream = null;
  let resting;
  function listen() {
    if (stream || !window.EventSource) return;
    stream = new EventSource('/events');
    stream.addEventListener('ready', refresh);
    stream.addEventListener('change', refresh);
    stream.onerror = () => { if (stream && stream.readyState === EventSource.CLOSED) { stream = null; setTimeout(listen, 5000); } };
  }
  if (channel) {
    listen();
    setInterval(() => {
      if (document.visibilityState === 'visible' && (!stream || stream.readyState !== EventSource.OPEN)) refresh();
    }, 4000);
    document.addEventListener('visibilitychange', () => {
      clearTimeout(resting);
      if (document.visibilityState === 'visible') { listen(); refresh(); }
      // A window that nobody sees keeps no connection.
      else resting = setTimeout(() => { if (stream) { stream.close(); stream = null; } }, 60000);
    });
  }
})();
