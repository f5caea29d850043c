// In place of Django's: what is typed into a field that suggests is posted, so that it stands in no address.
"use strict";
{
  const $ = django.jQuery;

  const asked = ({ appLabel, modelName, fieldName }, { term, page }) => ({
    term,
    page,
    app_label: appLabel,
    model_name: modelName,
    field_name: fieldName,
  });

  // Select2 gives up what it asked before when more is typed: for that it needs the request, not the promise of its answer.
  const post = (parameters, success, failure) => {
    const request = $.ajax({
      ...parameters,
      type: "POST",
      headers: { "X-CSRFToken": document.querySelector("[name=csrfmiddlewaretoken]").value },
    });
    request.then(success, failure);
    return request;
  };

  $.fn.djangoAdminSelect2 = function () {
    return this.each((_index, element) => {
      $(element).select2({ ajax: { data: (parameters) => asked(element.dataset, parameters), transport: post } });
    });
  };

  const begin = (within) => within.find(".admin-autocomplete").not("[name*=__prefix__]").djangoAdminSelect2();

  $(() => begin($(document)));
  document.addEventListener("formset:added", (event) => begin($(event.target)));
}
