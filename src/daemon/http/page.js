(function () {
  var filter = document.getElementById('filter'), lost = document.getElementById('lost');
  document.getElementById('tools').style.display = 'block';
  function sift() {
    var words = filter.value.toLowerCase();
    document.querySelectorAll('#neighbors tbody tr').forEach(function (row) {
      row.hidden = words !== '' && row.textContent.toLowerCase().indexOf(words) < 0;
    });
  }
  filter.addEventListener('input', sift);
  function again() {
    if (document.hidden) { return wait(); }
    fetch('/', { cache: 'no-store' }).then(function (answer) {
      if (!answer.ok) { throw new Error(String(answer.status)); }
      return answer.text();
    }).then(function (text) {
      var fresh = new DOMParser().parseFromString(text, 'text/html').querySelector('main');
      if (!fresh) { throw new Error('incomplete'); }
      if (String(window.getSelection()) === '') {
        document.querySelector('main').replaceWith(document.adoptNode(fresh));
        sift();
      }
      lost.style.display = 'none';
    }).catch(function () {
      lost.style.display = 'block';
    }).then(wait);
  }
  function wait() { setTimeout(again, 5000); }
  wait();
})();
