(function () {
  var filter = document.getElementById('filter'), lost = document.getElementById('lost'), read = new Date();
  document.getElementById('tools').style.display = 'block';
  function sift() {
    var words = filter.value.toLowerCase();
    document.querySelectorAll('#neighbors tbody tr').forEach(function (row) {
      row.hidden = words !== '' && row.textContent.toLowerCase().indexOf(words) < 0;
    });
  }
  filter.addEventListener('input', sift);
  // The tables that are wider than the window: where they were scrolled to, by their names.
  function places() {
    var left = {};
    document.querySelectorAll('.scroll').forEach(function (box) {
      left[box.firstElementChild.id] = box.scrollLeft;
    });
    return left;
  }
  function show(text) {
    // Only this part: the style of another answer has another nonce, about which the browser would complain.
    var from = text.indexOf('<main>'), to = text.indexOf('</main>');
    if (from < 0 || to < 0) { throw new Error('incomplete'); }
    read = new Date();
    lost.style.display = 'none';
    if (String(window.getSelection()) !== '') { return; }
    var left = places(), fresh = new DOMParser().parseFromString(text.slice(from, to + 7), 'text/html');
    document.querySelector('main').replaceWith(document.adoptNode(fresh.querySelector('main')));
    document.querySelectorAll('.scroll').forEach(function (box) {
      box.scrollLeft = left[box.firstElementChild.id] || 0;
    });
    sift();
  }
  function again() {
    if (document.hidden) { return wait(); }
    // A speaker that hangs accepts connections and does not answer.
    var limit = new AbortController(), timer = setTimeout(function () { limit.abort(); }, 8000);
    fetch('/', { cache: 'no-store', signal: limit.signal }).then(function (answer) {
      if (!answer.ok) { throw new Error(String(answer.status)); }
      return answer.text();
    }).then(show).catch(function () {
      document.getElementById('since').textContent = ' It is of ' + read.toLocaleTimeString() + '.';
      lost.style.display = 'block';
    }).then(function () {
      clearTimeout(timer);
      wait();
    });
  }
  function wait() { setTimeout(again, 5000); }
  wait();
})();
