___TERMS_OF_SERVICE___

By creating or modifying this file you agree to Google Tag Manager's Community
Template Gallery Developer Terms of Service available at
https://developers.google.com/tag-manager/gallery-tos (or such other URL as
Google may provide), as modified from time to time.


___INFO___

{
  "type": "TAG",
  "id": "cvt_temp_public_id",
  "version": 1,
  "securityGroups": [],
  "displayName": "Hardlink",
  "categories": [
    "ANALYTICS",
    "PERSONALIZATION",
    "ATTRIBUTION"
  ],
  "brand": {
    "id": "brand_dummy",
    "displayName": ""
  },
  "description": "Events, activities, identities and consent for your own Hardlink: what visitors did before they logged in becomes their customer's.",
  "containerContexts": [
    "WEB"
  ]
}


___TEMPLATE_PARAMETERS___

[
  {
    "type": "SELECT",
    "name": "tagType",
    "displayName": "What this tag does",
    "macrosInSelect": false,
    "simpleValueType": true,
    "selectItems": [
      {
        "value": "start",
        "displayValue": "Start the SDK"
      },
      {
        "value": "event",
        "displayValue": "Send an event"
      },
      {
        "value": "activity",
        "displayValue": "Send an activity (Attraqt XO)"
      },
      {
        "value": "identify",
        "displayValue": "Identify: say who the visitor is"
      },
      {
        "value": "update",
        "displayValue": "Update the visitor's attributes"
      },
      {
        "value": "anonymize",
        "displayValue": "Anonymize / clear: somebody else is here from now on"
      },
      {
        "value": "optIn",
        "displayValue": "Opt in"
      },
      {
        "value": "optOut",
        "displayValue": "Opt out"
      }
    ],
    "defaultValue": "event"
  },
  {
    "type": "GROUP",
    "name": "service",
    "displayName": "Your Hardlink",
    "groupStyle": "ZIPPY_OPEN",
    "subParams": [
      {
        "type": "TEXT",
        "name": "url",
        "displayName": "API URL",
        "simpleValueType": true,
        "help": "Where your Hardlink answers, as its stack says in its outputs.",
        "valueValidators": [
          {
            "type": "NON_EMPTY",
            "errorMessage": "Say where your Hardlink answers."
          },
          {
            "type": "REGEX",
            "args": [
              "^https://[A-Za-z0-9.-]+(:[0-9]+)?/*$"
            ],
            "errorMessage": "https://, and a host, such as https://api.shop.example"
          }
        ],
        "valueHint": "https://api.shop.example"
      },
      {
        "type": "TEXT",
        "name": "writeKey",
        "displayName": "Write key",
        "simpleValueType": true,
        "help": "The source's write key, which is public.",
        "valueValidators": [
          {
            "type": "NON_EMPTY",
            "errorMessage": "Say which source this is."
          }
        ]
      }
    ],
    "enablingConditions": [
      {
        "paramName": "tagType",
        "paramValue": "start",
        "type": "EQUALS"
      }
    ]
  },
  {
    "type": "GROUP",
    "name": "event",
    "displayName": "Event",
    "groupStyle": "ZIPPY_OPEN",
    "subParams": [
      {
        "type": "TEXT",
        "name": "eventType",
        "displayName": "Type",
        "simpleValueType": true,
        "help": "For example purchase.",
        "valueValidators": [
          {
            "type": "NON_EMPTY",
            "errorMessage": "Say what happened."
          }
        ]
      },
      {
        "type": "SIMPLE_TABLE",
        "name": "properties",
        "displayName": "Properties",
        "help": "What is empty or undefined is left out.",
        "newRowButtonText": "Add property",
        "simpleTableColumns": [
          {
            "type": "TEXT",
            "name": "name",
            "displayName": "Name",
            "isUnique": true,
            "defaultValue": "",
            "valueValidators": [
              {
                "type": "NON_EMPTY"
              }
            ]
          },
          {
            "type": "TEXT",
            "name": "value",
            "displayName": "Value",
            "defaultValue": ""
          }
        ]
      },
      {
        "type": "SELECT",
        "name": "propertiesObject",
        "displayName": "All properties of an object",
        "macrosInSelect": true,
        "simpleValueType": true,
        "selectItems": [],
        "help": "A variable that is an object, such as the data layer's ecommerce. A property of the table above takes precedence.",
        "notSetText": "None"
      }
    ],
    "enablingConditions": [
      {
        "paramName": "tagType",
        "paramValue": "event",
        "type": "EQUALS"
      }
    ]
  },
  {
    "type": "GROUP",
    "name": "activity",
    "displayName": "Activity",
    "groupStyle": "ZIPPY_OPEN",
    "subParams": [
      {
        "type": "TEXT",
        "name": "action",
        "displayName": "Action",
        "simpleValueType": true,
        "help": "click, view, add-to-cart, remove-from-cart, purchase (once an item of the order), or a word of your own.",
        "valueValidators": [
          {
            "type": "NON_EMPTY",
            "errorMessage": "Say what the visitor did."
          }
        ]
      },
      {
        "type": "SIMPLE_TABLE",
        "name": "target",
        "displayName": "Target",
        "help": "What it was done to, such as product and its ID.",
        "newRowButtonText": "Add target",
        "simpleTableColumns": [
          {
            "type": "TEXT",
            "name": "name",
            "displayName": "Name",
            "isUnique": true,
            "defaultValue": "",
            "valueValidators": [
              {
                "type": "NON_EMPTY"
              }
            ]
          },
          {
            "type": "TEXT",
            "name": "value",
            "displayName": "Value",
            "defaultValue": ""
          }
        ]
      },
      {
        "type": "TEXT",
        "name": "sourceId",
        "displayName": "Source ID",
        "simpleValueType": true,
        "help": "The recommendation or search response that led to it."
      },
      {
        "type": "SIMPLE_TABLE",
        "name": "metadata",
        "displayName": "Metadata",
        "help": "Such as price (of one, in cents), quantity, currency and orderId.",
        "newRowButtonText": "Add metadata",
        "simpleTableColumns": [
          {
            "type": "TEXT",
            "name": "name",
            "displayName": "Name",
            "isUnique": true,
            "defaultValue": "",
            "valueValidators": [
              {
                "type": "NON_EMPTY"
              }
            ]
          },
          {
            "type": "TEXT",
            "name": "value",
            "displayName": "Value",
            "defaultValue": ""
          }
        ]
      },
      {
        "type": "TEXT",
        "name": "activitySegments",
        "displayName": "Segments of the activity",
        "simpleValueType": true,
        "help": "With commas between them, or a variable that is a list."
      }
    ],
    "enablingConditions": [
      {
        "paramName": "tagType",
        "paramValue": "activity",
        "type": "EQUALS"
      }
    ]
  },
  {
    "type": "GROUP",
    "name": "who",
    "displayName": "Identities",
    "groupStyle": "ZIPPY_OPEN",
    "subParams": [
      {
        "type": "SIMPLE_TABLE",
        "name": "identities",
        "displayName": "Identities",
        "help": "The visitor's IDs, each by its repository: an identifier type that your project declares, or one of its spellings. An ID that is empty, or that identifies nobody (undefined, null, 0, guest, ...), is left out.",
        "newRowButtonText": "Add identity",
        "simpleTableColumns": [
          {
            "type": "TEXT",
            "name": "name",
            "displayName": "Identity repository",
            "isUnique": true,
            "defaultValue": "",
            "valueValidators": [
              {
                "type": "NON_EMPTY"
              },
              {
                "type": "REGEX",
                "args": [
                  "^[A-Za-z0-9_.-]+$"
                ],
                "errorMessage": "Letters, digits, _ . and - only, as your project declares its identifier types."
              }
            ]
          },
          {
            "type": "TEXT",
            "name": "value",
            "displayName": "Identity",
            "defaultValue": ""
          }
        ]
      },
      {
        "type": "TEXT",
        "name": "sessionId",
        "displayName": "Session ID",
        "simpleValueType": true,
        "help": "Only where your site has a session ID of its own. The SDK makes one up otherwise, and keeps it."
      }
    ],
    "enablingConditions": [
      {
        "paramName": "tagType",
        "paramValue": "start",
        "type": "EQUALS"
      },
      {
        "paramName": "tagType",
        "paramValue": "event",
        "type": "EQUALS"
      },
      {
        "paramName": "tagType",
        "paramValue": "activity",
        "type": "EQUALS"
      },
      {
        "paramName": "tagType",
        "paramValue": "identify",
        "type": "EQUALS"
      }
    ]
  },
  {
    "type": "GROUP",
    "name": "user",
    "displayName": "Segments and traits",
    "groupStyle": "ZIPPY_CLOSED",
    "subParams": [
      {
        "type": "SIMPLE_TABLE",
        "name": "segments",
        "displayName": "Segments",
        "help": "true, or false where the visitor does not belong to it any more.",
        "newRowButtonText": "Add segment",
        "simpleTableColumns": [
          {
            "type": "TEXT",
            "name": "name",
            "displayName": "Segment",
            "isUnique": true,
            "defaultValue": "",
            "valueValidators": [
              {
                "type": "NON_EMPTY"
              }
            ]
          },
          {
            "type": "TEXT",
            "name": "value",
            "displayName": "Belongs to it",
            "defaultValue": ""
          }
        ]
      },
      {
        "type": "SIMPLE_TABLE",
        "name": "traits",
        "displayName": "Traits",
        "help": "Such as age and 32.",
        "newRowButtonText": "Add trait",
        "simpleTableColumns": [
          {
            "type": "TEXT",
            "name": "name",
            "displayName": "Name",
            "isUnique": true,
            "defaultValue": "",
            "valueValidators": [
              {
                "type": "NON_EMPTY"
              }
            ]
          },
          {
            "type": "TEXT",
            "name": "value",
            "displayName": "Value",
            "defaultValue": ""
          }
        ]
      }
    ],
    "enablingConditions": [
      {
        "paramName": "tagType",
        "paramValue": "activity",
        "type": "EQUALS"
      }
    ]
  },
  {
    "type": "GROUP",
    "name": "values",
    "displayName": "Attributes",
    "groupStyle": "ZIPPY_OPEN",
    "subParams": [
      {
        "type": "SIMPLE_TABLE",
        "name": "attributes",
        "displayName": "Attributes",
        "help": "What is known of the customer. What is empty or undefined is left out.",
        "newRowButtonText": "Add attribute",
        "simpleTableColumns": [
          {
            "type": "TEXT",
            "name": "name",
            "displayName": "Name",
            "isUnique": true,
            "defaultValue": "",
            "valueValidators": [
              {
                "type": "NON_EMPTY"
              }
            ]
          },
          {
            "type": "TEXT",
            "name": "value",
            "displayName": "Value",
            "defaultValue": ""
          }
        ]
      }
    ],
    "enablingConditions": [
      {
        "paramName": "tagType",
        "paramValue": "identify",
        "type": "EQUALS"
      },
      {
        "paramName": "tagType",
        "paramValue": "update",
        "type": "EQUALS"
      }
    ]
  },
  {
    "type": "GROUP",
    "name": "options",
    "displayName": "Options",
    "groupStyle": "ZIPPY_CLOSED",
    "subParams": [
      {
        "type": "CHECKBOX",
        "name": "visits",
        "checkboxText": "Track page visits",
        "simpleValueType": true,
        "defaultValue": true,
        "help": "page_visit at every page load and navigation."
      },
      {
        "type": "CHECKBOX",
        "name": "ping",
        "checkboxText": "Send signs of life",
        "simpleValueType": true,
        "defaultValue": true,
        "help": "session_ping every two minutes, of which the service makes sessions."
      },
      {
        "type": "SIMPLE_TABLE",
        "name": "defaultProperties",
        "displayName": "Properties of every event",
        "newRowButtonText": "Add property",
        "simpleTableColumns": [
          {
            "type": "TEXT",
            "name": "name",
            "displayName": "Name",
            "isUnique": true,
            "defaultValue": "",
            "valueValidators": [
              {
                "type": "NON_EMPTY"
              }
            ]
          },
          {
            "type": "TEXT",
            "name": "value",
            "displayName": "Value",
            "defaultValue": ""
          }
        ]
      },
      {
        "type": "SELECT",
        "name": "storage",
        "displayName": "Where the session ID is kept",
        "macrosInSelect": false,
        "simpleValueType": true,
        "selectItems": [
          {
            "value": "local",
            "displayValue": "Local storage"
          },
          {
            "value": "cookie",
            "displayValue": "A cookie of the page"
          },
          {
            "value": "server",
            "displayValue": "A cookie that the API sets (an API on the shop's own domain)"
          }
        ],
        "defaultValue": "local"
      },
      {
        "type": "TEXT",
        "name": "cookieDomain",
        "displayName": "Domain of the cookie",
        "simpleValueType": true,
        "help": "Where it is not the page's own.",
        "enablingConditions": [
          {
            "paramName": "storage",
            "paramValue": "cookie",
            "type": "EQUALS"
          }
        ]
      },
      {
        "type": "CHECKBOX",
        "name": "dnt",
        "checkboxText": "Take Do Not Track for a no",
        "simpleValueType": true,
        "defaultValue": false
      },
      {
        "type": "CHECKBOX",
        "name": "gpc",
        "checkboxText": "Take Global Privacy Control for a no",
        "simpleValueType": true,
        "defaultValue": false
      }
    ],
    "enablingConditions": [
      {
        "paramName": "tagType",
        "paramValue": "start",
        "type": "EQUALS"
      }
    ]
  },
  {
    "type": "GROUP",
    "name": "consents",
    "displayName": "Consent",
    "groupStyle": "ZIPPY_OPEN",
    "subParams": [
      {
        "type": "SELECT",
        "name": "consent",
        "displayName": "Consent",
        "macrosInSelect": false,
        "simpleValueType": true,
        "selectItems": [
          {
            "value": "none",
            "displayValue": "This tag asks for none"
          },
          {
            "value": "wait",
            "displayValue": "Wait until analytics_storage is granted"
          }
        ],
        "defaultValue": "none",
        "help": "Waiting: nothing is loaded, stored or sent before Tag Manager has that consent, and all of it once it has. A page that sets no default consent counts as one that grants it."
      },
      {
        "type": "GROUP",
        "name": "startConsent",
        "displayName": "",
        "groupStyle": "NO_ZIPPY",
        "subParams": [
          {
            "type": "CHECKBOX",
            "name": "followConsent",
            "checkboxText": "Opt out when that consent is withdrawn, and in when it is given",
            "simpleValueType": true,
            "defaultValue": false,
            "enablingConditions": [
              {
                "paramName": "consent",
                "paramValue": "wait",
                "type": "EQUALS"
              }
            ]
          },
          {
            "type": "CHECKBOX",
            "name": "optInRequired",
            "checkboxText": "The SDK itself waits for an opt-in tag",
            "simpleValueType": true,
            "defaultValue": false,
            "help": "Until then it stores and sends nothing."
          }
        ],
        "enablingConditions": [
          {
            "paramName": "tagType",
            "paramValue": "start",
            "type": "EQUALS"
          }
        ]
      }
    ],
    "enablingConditions": [
      {
        "paramName": "tagType",
        "paramValue": "start",
        "type": "EQUALS"
      },
      {
        "paramName": "tagType",
        "paramValue": "event",
        "type": "EQUALS"
      },
      {
        "paramName": "tagType",
        "paramValue": "activity",
        "type": "EQUALS"
      },
      {
        "paramName": "tagType",
        "paramValue": "identify",
        "type": "EQUALS"
      },
      {
        "paramName": "tagType",
        "paramValue": "update",
        "type": "EQUALS"
      },
      {
        "paramName": "tagType",
        "paramValue": "anonymize",
        "type": "EQUALS"
      }
    ]
  }
]


___SANDBOXED_JS_FOR_WEB_TEMPLATE___

// What this tag has to say is said to window.hardlink: to the SDK, or to the queue that the SDK carries out once it starts.

const addConsentListener = require('addConsentListener');
const callInWindow = require('callInWindow');
const copyFromWindow = require('copyFromWindow');
const createQueue = require('createQueue');
const getType = require('getType');
const injectScript = require('injectScript');
const isConsentGranted = require('isConsentGranted');
const logToConsole = require('logToConsole');
const makeNumber = require('makeNumber');
const makeString = require('makeString');
const makeTableMap = require('makeTableMap');
const Object = require('Object');
const queryPermission = require('queryPermission');
const setInWindow = require('setInWindow');

const CONSENT = 'analytics_storage';
// Values that many visitors would share. The service knows more of them, and refuses them as well.
const NOBODY = [
  'undefined', 'null', 'none', 'nil', 'nan', 'true', 'false', '0', '-1', 'n/a', 'notset', 'anonymous', 'guest',
  'unknown', 'id', 'user', 'email', 'distinct_id', 'not_authenticated', 'objectobject'
];
const AROUND = '{}()<>[]"\' \t\r\n';

// -- how it ends: each run tells Tag Manager once; no value of a visitor is ever logged ---------------

const log = (first, second) => logToConsole('Hardlink (' + data.tagType + '):', first, second || '');

let told = false;
const tell = callback => {
  if (told) return;
  told = true;
  callback();
};
const succeed = () => tell(data.gtmOnSuccess);
const fail = why => {
  log(why);
  tell(data.gtmOnFailure);
};

// -- what was filled in ---------------------------------------------------------------------------

const textOf = value => getType(value) === 'string' || getType(value) === 'number' ? makeString(value).trim() : '';

const isEmpty = value =>
  value === undefined || value === null || value !== value || (getType(value) === 'string' && !value.trim());

// An object without what is empty.
const filled = values => {
  const found = {};
  Object.keys(values).forEach(name => {
    if (name.trim() && !isEmpty(values[name])) found[name.trim()] = values[name];
  });
  return found;
};

const table = rows => filled(makeTableMap(rows || [], 'name', 'value') || {});
const count = values => Object.keys(values).length;
const orNothing = values => count(values) ? values : undefined;

const identifiesNobody = id => {
  const bare = id.toLowerCase().split('').filter(character => AROUND.indexOf(character) < 0);
  return NOBODY.indexOf(bare.join('')) >= 0 || bare.every(character => '0-.'.indexOf(character) >= 0);
};

// The session ID and the other identities. A session ID in the table is the visitor's session, as in Attraqt XO.
const who = () => {
  const found = {session: undefined, ids: {}};
  const take = (type, value) => {
    const id = textOf(value);
    if (identifiesNobody(id)) log('left out, as it identifies nobody:', type);
    else if (type.toLowerCase() === 'sessionid') found.session = id;
    else found.ids[type] = id;
  };
  const listed = table(data.identities);
  Object.keys(listed).forEach(type => take(type, listed[type]));
  if (!isEmpty(data.sessionId)) take('sessionId', data.sessionId);
  return found;
};

const properties = () => {
  const found = filled(getType(data.propertiesObject) === 'object' ? data.propertiesObject : {});
  const rows = table(data.properties);
  Object.keys(rows).forEach(name => {
    found[name] = rows[name];
  });
  return found;
};

const texts = values => {
  const found = {};
  Object.keys(values).forEach(name => {
    found[name] = makeString(values[name]);
  });
  return found;
};

// Attraqt XO calculates with these two; a constant in the table is a text.
const withNumbers = values => {
  ['price', 'quantity'].forEach(name => {
    const number = makeNumber(values[name]);
    if (number === number) values[name] = number;
  });
  return values;
};

// A list of those that hold; where some do not, they are named as well, so that they end.
const segments = rows => {
  const found = table(rows);
  const names = Object.keys(found);
  names.forEach(name => {
    found[name] = ['false', '0', 'no'].indexOf(makeString(found[name]).trim().toLowerCase()) < 0;
  });
  return names.every(name => found[name]) ? names : found;
};

const list = value => {
  const items = getType(value) === 'array' ? value : makeString(isEmpty(value) ? '' : value).split(',');
  return items.map(textOf).filter(item => item !== '');
};

const withoutSlash = url => url.slice(-1) === '/' ? withoutSlash(url.slice(0, -1)) : url;

// -- saying it ------------------------------------------------------------------------------------

const isThere = () => getType(copyFromWindow('hardlink.version')) === 'string';

// Whether an SDK that is there has Attraqt's words: a page that loads it by itself may do without.
const hasXo = () => getType(copyFromWindow('hardlink.xo.send')) === 'function';

const say = (path, first, second) => {
  if (isThere()) {
    if (path.indexOf('xo.') === 0 && !hasXo())
      return fail('the page has loaded the SDK without the words of Attraqt: it has to load sdk.js?with=xo');
    callInWindow('hardlink.' + path, first, second);
    return;
  }
  setInWindow('hardlink', {q: []}, false);
  createQueue('hardlink.q')({
    path: path.split('.'),
    args: [first, second],
    resolve: () => {},
    reject: () => log('the SDK could not carry out', path)
  });
};

const saySession = found => {
  if (found.session) say('xo.addUserIdentity', 'sessionId', found.session);
};

// -- what a tag does ------------------------------------------------------------------------------

const follows = () => data.consent === 'wait' && data.followConsent;

const config = ids => filled({
  token: textOf(data.writeKey),
  target: withoutSlash(textOf(data.url)),
  customer: orNothing(ids),
  track: {visits: !!data.visits, default_properties: table(data.defaultProperties)},
  ping: {enabled: !!data.ping},
  consent: data.optInRequired ? 'required' : undefined,
  dnt: !!data.dnt,
  gpc: !!data.gpc,
  storage: data.storage,
  cookieDomain: data.storage === 'cookie' ? data.cookieDomain : undefined
});

const ACTIONS = {
  start: () => {
    const found = who();
    const given = config(found.ids);
    const script = given.target + '/sdk.js?with=xo';
    if (!given.token) return fail('fill in the write key');
    const late = isThere() && !hasXo();
    const load = late || !isThere();
    if (load && !queryPermission('inject_script', script))
      return fail('the API URL is https://<host>, and the template has to be permitted to load <API URL>/sdk.js');
    const loaded = () => {
      if (late) saySession(found);
      succeed();
    };
    say('start', given);
    if (!late) saySession(found);
    if (follows()) say('optIn');
    if (load) injectScript(script, loaded, () => fail('the SDK could not be loaded from the API URL'), 'hardlink');
    else succeed();
  },

  event: () => {
    const type = textOf(data.eventType);
    if (!type) return fail('fill in the type of the event');
    const found = who();
    saySession(found);
    if (count(found.ids)) say('identify', found.ids);
    say('track', type, properties());
    succeed();
  },

  activity: () => {
    const action = textOf(data.action);
    if (!action) return fail('fill in the action');
    const found = who();
    const traits = table(data.traits);
    const labels = segments(data.segments);
    const own = list(data.activitySegments);
    saySession(found);
    Object.keys(found.ids).forEach(type => say('xo.addUserIdentity', type, found.ids[type]));
    if (count(labels)) say('xo.setUserSegments', labels);
    if (count(traits)) say('xo.setUserTraits', traits);
    say('xo.send', filled({
      action: action,
      target: texts(table(data.target)),
      sourceId: textOf(data.sourceId),
      metadata: orNothing(withNumbers(table(data.metadata))),
      segments: own.length ? own : undefined
    }));
    succeed();
  },

  identify: () => {
    const found = who();
    saySession(found);
    if (count(found.ids)) say('identify', found.ids, orNothing(table(data.attributes)));
    else log('nobody is identified: no identity has a value');
    succeed();
  },

  update: () => {
    const attributes = table(data.attributes);
    if (count(attributes)) say('update', attributes);
    else log('nothing is updated: no attribute has a value');
    succeed();
  },

  anonymize: () => {
    say('anonymize');
    succeed();
  },
  optIn: () => {
    say('optIn');
    succeed();
  },
  optOut: () => {
    say('optOut');
    succeed();
  }
};

// -- when it does it ------------------------------------------------------------------------------

const act = ACTIONS[data.tagType] || (() => fail('choose what the tag does'));
const decides = data.tagType === 'optIn' || data.tagType === 'optOut';

if (decides || data.consent !== 'wait') {
  act();
} else {
  let done = isConsentGranted(CONSENT);
  if (done) act();
  if (!done || data.tagType === 'start' && follows()) {
    addConsentListener(CONSENT, (consent, granted) => {
      if (granted && !done) {
        done = true;
        act();
      } else if (done && data.tagType === 'start' && follows()) {
        say(granted ? 'optIn' : 'optOut');
      }
    });
  }
  if (!done) {
    log('waits for the consent', CONSENT);
    succeed();
  }
}


___WEB_PERMISSIONS___

[
  {
    "instance": {
      "key": {
        "publicId": "access_consent",
        "versionId": "1"
      },
      "param": [
        {
          "key": "consentTypes",
          "value": {
            "type": 2,
            "listItem": [
              {
                "type": 3,
                "mapKey": [
                  {
                    "type": 1,
                    "string": "consentType"
                  },
                  {
                    "type": 1,
                    "string": "read"
                  },
                  {
                    "type": 1,
                    "string": "write"
                  }
                ],
                "mapValue": [
                  {
                    "type": 1,
                    "string": "analytics_storage"
                  },
                  {
                    "type": 8,
                    "boolean": true
                  },
                  {
                    "type": 8,
                    "boolean": false
                  }
                ]
              }
            ]
          }
        }
      ]
    },
    "clientAnnotations": {
      "isEditedByUser": true
    },
    "isRequired": true
  },
  {
    "instance": {
      "key": {
        "publicId": "access_globals",
        "versionId": "1"
      },
      "param": [
        {
          "key": "keys",
          "value": {
            "type": 2,
            "listItem": [
              {
                "type": 3,
                "mapKey": [
                  {
                    "type": 1,
                    "string": "key"
                  },
                  {
                    "type": 1,
                    "string": "read"
                  },
                  {
                    "type": 1,
                    "string": "write"
                  },
                  {
                    "type": 1,
                    "string": "execute"
                  }
                ],
                "mapValue": [
                  {
                    "type": 1,
                    "string": "hardlink"
                  },
                  {
                    "type": 8,
                    "boolean": true
                  },
                  {
                    "type": 8,
                    "boolean": true
                  },
                  {
                    "type": 8,
                    "boolean": false
                  }
                ]
              },
              {
                "type": 3,
                "mapKey": [
                  {
                    "type": 1,
                    "string": "key"
                  },
                  {
                    "type": 1,
                    "string": "read"
                  },
                  {
                    "type": 1,
                    "string": "write"
                  },
                  {
                    "type": 1,
                    "string": "execute"
                  }
                ],
                "mapValue": [
                  {
                    "type": 1,
                    "string": "hardlink.q"
                  },
                  {
                    "type": 8,
                    "boolean": true
                  },
                  {
                    "type": 8,
                    "boolean": true
                  },
                  {
                    "type": 8,
                    "boolean": false
                  }
                ]
              },
              {
                "type": 3,
                "mapKey": [
                  {
                    "type": 1,
                    "string": "key"
                  },
                  {
                    "type": 1,
                    "string": "read"
                  },
                  {
                    "type": 1,
                    "string": "write"
                  },
                  {
                    "type": 1,
                    "string": "execute"
                  }
                ],
                "mapValue": [
                  {
                    "type": 1,
                    "string": "hardlink.version"
                  },
                  {
                    "type": 8,
                    "boolean": true
                  },
                  {
                    "type": 8,
                    "boolean": false
                  },
                  {
                    "type": 8,
                    "boolean": false
                  }
                ]
              },
              {
                "type": 3,
                "mapKey": [
                  {
                    "type": 1,
                    "string": "key"
                  },
                  {
                    "type": 1,
                    "string": "read"
                  },
                  {
                    "type": 1,
                    "string": "write"
                  },
                  {
                    "type": 1,
                    "string": "execute"
                  }
                ],
                "mapValue": [
                  {
                    "type": 1,
                    "string": "hardlink.start"
                  },
                  {
                    "type": 8,
                    "boolean": false
                  },
                  {
                    "type": 8,
                    "boolean": false
                  },
                  {
                    "type": 8,
                    "boolean": true
                  }
                ]
              },
              {
                "type": 3,
                "mapKey": [
                  {
                    "type": 1,
                    "string": "key"
                  },
                  {
                    "type": 1,
                    "string": "read"
                  },
                  {
                    "type": 1,
                    "string": "write"
                  },
                  {
                    "type": 1,
                    "string": "execute"
                  }
                ],
                "mapValue": [
                  {
                    "type": 1,
                    "string": "hardlink.track"
                  },
                  {
                    "type": 8,
                    "boolean": false
                  },
                  {
                    "type": 8,
                    "boolean": false
                  },
                  {
                    "type": 8,
                    "boolean": true
                  }
                ]
              },
              {
                "type": 3,
                "mapKey": [
                  {
                    "type": 1,
                    "string": "key"
                  },
                  {
                    "type": 1,
                    "string": "read"
                  },
                  {
                    "type": 1,
                    "string": "write"
                  },
                  {
                    "type": 1,
                    "string": "execute"
                  }
                ],
                "mapValue": [
                  {
                    "type": 1,
                    "string": "hardlink.identify"
                  },
                  {
                    "type": 8,
                    "boolean": false
                  },
                  {
                    "type": 8,
                    "boolean": false
                  },
                  {
                    "type": 8,
                    "boolean": true
                  }
                ]
              },
              {
                "type": 3,
                "mapKey": [
                  {
                    "type": 1,
                    "string": "key"
                  },
                  {
                    "type": 1,
                    "string": "read"
                  },
                  {
                    "type": 1,
                    "string": "write"
                  },
                  {
                    "type": 1,
                    "string": "execute"
                  }
                ],
                "mapValue": [
                  {
                    "type": 1,
                    "string": "hardlink.update"
                  },
                  {
                    "type": 8,
                    "boolean": false
                  },
                  {
                    "type": 8,
                    "boolean": false
                  },
                  {
                    "type": 8,
                    "boolean": true
                  }
                ]
              },
              {
                "type": 3,
                "mapKey": [
                  {
                    "type": 1,
                    "string": "key"
                  },
                  {
                    "type": 1,
                    "string": "read"
                  },
                  {
                    "type": 1,
                    "string": "write"
                  },
                  {
                    "type": 1,
                    "string": "execute"
                  }
                ],
                "mapValue": [
                  {
                    "type": 1,
                    "string": "hardlink.anonymize"
                  },
                  {
                    "type": 8,
                    "boolean": false
                  },
                  {
                    "type": 8,
                    "boolean": false
                  },
                  {
                    "type": 8,
                    "boolean": true
                  }
                ]
              },
              {
                "type": 3,
                "mapKey": [
                  {
                    "type": 1,
                    "string": "key"
                  },
                  {
                    "type": 1,
                    "string": "read"
                  },
                  {
                    "type": 1,
                    "string": "write"
                  },
                  {
                    "type": 1,
                    "string": "execute"
                  }
                ],
                "mapValue": [
                  {
                    "type": 1,
                    "string": "hardlink.optIn"
                  },
                  {
                    "type": 8,
                    "boolean": false
                  },
                  {
                    "type": 8,
                    "boolean": false
                  },
                  {
                    "type": 8,
                    "boolean": true
                  }
                ]
              },
              {
                "type": 3,
                "mapKey": [
                  {
                    "type": 1,
                    "string": "key"
                  },
                  {
                    "type": 1,
                    "string": "read"
                  },
                  {
                    "type": 1,
                    "string": "write"
                  },
                  {
                    "type": 1,
                    "string": "execute"
                  }
                ],
                "mapValue": [
                  {
                    "type": 1,
                    "string": "hardlink.optOut"
                  },
                  {
                    "type": 8,
                    "boolean": false
                  },
                  {
                    "type": 8,
                    "boolean": false
                  },
                  {
                    "type": 8,
                    "boolean": true
                  }
                ]
              },
              {
                "type": 3,
                "mapKey": [
                  {
                    "type": 1,
                    "string": "key"
                  },
                  {
                    "type": 1,
                    "string": "read"
                  },
                  {
                    "type": 1,
                    "string": "write"
                  },
                  {
                    "type": 1,
                    "string": "execute"
                  }
                ],
                "mapValue": [
                  {
                    "type": 1,
                    "string": "hardlink.xo.addUserIdentity"
                  },
                  {
                    "type": 8,
                    "boolean": false
                  },
                  {
                    "type": 8,
                    "boolean": false
                  },
                  {
                    "type": 8,
                    "boolean": true
                  }
                ]
              },
              {
                "type": 3,
                "mapKey": [
                  {
                    "type": 1,
                    "string": "key"
                  },
                  {
                    "type": 1,
                    "string": "read"
                  },
                  {
                    "type": 1,
                    "string": "write"
                  },
                  {
                    "type": 1,
                    "string": "execute"
                  }
                ],
                "mapValue": [
                  {
                    "type": 1,
                    "string": "hardlink.xo.setUserSegments"
                  },
                  {
                    "type": 8,
                    "boolean": false
                  },
                  {
                    "type": 8,
                    "boolean": false
                  },
                  {
                    "type": 8,
                    "boolean": true
                  }
                ]
              },
              {
                "type": 3,
                "mapKey": [
                  {
                    "type": 1,
                    "string": "key"
                  },
                  {
                    "type": 1,
                    "string": "read"
                  },
                  {
                    "type": 1,
                    "string": "write"
                  },
                  {
                    "type": 1,
                    "string": "execute"
                  }
                ],
                "mapValue": [
                  {
                    "type": 1,
                    "string": "hardlink.xo.setUserTraits"
                  },
                  {
                    "type": 8,
                    "boolean": false
                  },
                  {
                    "type": 8,
                    "boolean": false
                  },
                  {
                    "type": 8,
                    "boolean": true
                  }
                ]
              },
              {
                "type": 3,
                "mapKey": [
                  {
                    "type": 1,
                    "string": "key"
                  },
                  {
                    "type": 1,
                    "string": "read"
                  },
                  {
                    "type": 1,
                    "string": "write"
                  },
                  {
                    "type": 1,
                    "string": "execute"
                  }
                ],
                "mapValue": [
                  {
                    "type": 1,
                    "string": "hardlink.xo.send"
                  },
                  {
                    "type": 8,
                    "boolean": true
                  },
                  {
                    "type": 8,
                    "boolean": false
                  },
                  {
                    "type": 8,
                    "boolean": true
                  }
                ]
              }
            ]
          }
        }
      ]
    },
    "clientAnnotations": {
      "isEditedByUser": true
    },
    "isRequired": true
  },
  {
    "instance": {
      "key": {
        "publicId": "inject_script",
        "versionId": "1"
      },
      "param": [
        {
          "key": "urls",
          "value": {
            "type": 2,
            "listItem": [
              {
                "type": 1,
                "string": "https://*/sdk.js*"
              }
            ]
          }
        }
      ]
    },
    "clientAnnotations": {
      "isEditedByUser": true
    },
    "isRequired": true
  },
  {
    "instance": {
      "key": {
        "publicId": "logging",
        "versionId": "1"
      },
      "param": [
        {
          "key": "environments",
          "value": {
            "type": 1,
            "string": "debug"
          }
        }
      ]
    },
    "clientAnnotations": {
      "isEditedByUser": true
    },
    "isRequired": true
  }
]


___TESTS___

scenarios:
- name: Starting loads the SDK, and begins with who is here
  code: |-
    runCode({
      tagType: 'start', url: 'https://api.shop.example/', writeKey: 'web-key', consent: 'none', visits: true,
      storage: 'local', identities: [{name: 'ecommerceid', value: 'E-1'}, {name: 'userid', value: 'undefined'}]
    });
    assertThat(injected).isEqualTo(['https://api.shop.example/sdk.js?with=xo']);
    assertThat(said.length).isEqualTo(1);
    assertThat(said[0].path).isEqualTo(['start']);
    assertThat(said[0].args[0].token).isEqualTo('web-key');
    assertThat(said[0].args[0].target).isEqualTo('https://api.shop.example');
    assertThat(said[0].args[0].customer).isEqualTo({ecommerceid: 'E-1'});
    assertThat(said[0].args[0].track.visits).isTrue();
    assertApi('gtmOnSuccess').wasNotCalled();
    loaded();
    assertApi('gtmOnSuccess').wasCalled();
    assertApi('gtmOnFailure').wasNotCalled();
- name: Starting fails where the SDK can't be loaded
  code: |-
    runCode({tagType: 'start', url: 'https://api.shop.example', writeKey: 'web-key', consent: 'none'});
    failed();
    assertApi('gtmOnFailure').wasCalled();
    assertApi('gtmOnSuccess').wasNotCalled();
- name: Starting fails without a write key, or with a URL that may not be loaded
  code: |-
    runCode({tagType: 'start', url: 'https://api.shop.example', consent: 'none'});
    mock('queryPermission', false);
    runCode({tagType: 'start', url: 'http://api.shop.example', writeKey: 'web-key', consent: 'none'});
    assertApi('gtmOnFailure').wasCalled();
    assertApi('gtmOnSuccess').wasNotCalled();
    assertApi('injectScript').wasNotCalled();
    assertThat(said).isEqualTo([]);
- name: An event identifies, then tracks; what is empty is left out
  code: |-
    runCode({
      tagType: 'event', eventType: 'purchase', consent: 'none',
      identities: [{name: 'registered', value: 'gordon@blackmesa.com'}, {name: 'crm', value: ''}],
      properties: [{name: 'total', value: 12}, {name: 'coupon', value: undefined}, {name: 'gift', value: false},
        {name: 'discount', value: 0 / 0}]
    });
    assertThat(said.map(call => call.path)).isEqualTo([['identify'], ['track']]);
    assertThat(said[0].args[0]).isEqualTo({registered: 'gordon@blackmesa.com'});
    assertThat(said[1].args).isEqualTo(['purchase', {total: 12, gift: false}]);
    assertApi('gtmOnSuccess').wasCalled();
- name: An activity says identities, segments and traits first
  code: |-
    runCode({
      tagType: 'activity', action: 'view', consent: 'none', sessionId: 'S-1', activitySegments: 'sale, new',
      identities: [{name: 'ecommerceid', value: 42}],
      segments: [{name: 'vip', value: 'true'}],
      traits: [{name: 'age', value: '45'}],
      target: [{name: 'product', value: 123}],
      metadata: [{name: 'price', value: '1999'}, {name: 'currency', value: 'EUR'}]
    });
    assertThat(said.map(call => call.path.join('.'))).isEqualTo([
      'xo.addUserIdentity', 'xo.addUserIdentity', 'xo.setUserSegments', 'xo.setUserTraits', 'xo.send'
    ]);
    assertThat(said[0].args[0]).isEqualTo('sessionId');
    assertThat(said[0].args[1]).isEqualTo('S-1');
    assertThat(said[1].args[1]).isEqualTo('42');
    assertThat(said[2].args[0]).isEqualTo(['vip']);
    assertThat(said[3].args[0]).isEqualTo({age: '45'});
    assertThat(said[4].args[0]).isEqualTo({
      action: 'view', target: {product: '123'}, metadata: {price: 1999, currency: 'EUR'}, segments: ['sale', 'new']
    });
- name: A visitor who is not logged in is not identified
  code: |-
    runCode({
      tagType: 'identify', consent: 'none',
      identities: [{name: 'registered', value: 'undefined'}, {name: 'crm', value: '0'}, {name: 'shop'}],
      attributes: [{name: 'first_name', value: 'Gordon'}]
    });
    assertThat(said).isEqualTo([]);
    assertApi('gtmOnSuccess').wasCalled();
- name: Once the SDK is there it is called
  code: |-
    mock('copyFromWindow', '1.0.0');
    runCode({tagType: 'update', consent: 'none', attributes: [{name: 'first_name', value: 'Gordon'}]});
    assertThat(called).isEqualTo([{path: 'hardlink.update', first: {first_name: 'Gordon'}}]);
    assertApi('createQueue').wasNotCalled();
    assertApi('gtmOnSuccess').wasCalled();
- name: Nothing is said before consent, and all of it once after
  code: |-
    mock('isConsentGranted', false);
    runCode({tagType: 'event', eventType: 'view', consent: 'wait'});
    assertThat(said).isEqualTo([]);
    assertApi('setInWindow').wasNotCalled();
    assertApi('gtmOnSuccess').wasCalled();
    decided('analytics_storage', false);
    assertThat(said).isEqualTo([]);
    decided('analytics_storage', true);
    decided('analytics_storage', false);
    decided('analytics_storage', true);
    assertThat(said.map(call => call.path)).isEqualTo([['track']]);
- name: Starting may follow the consent
  code: |-
    mock('isConsentGranted', false);
    runCode({
      tagType: 'start', url: 'https://api.shop.example', writeKey: 'web-key', consent: 'wait', followConsent: true
    });
    decided('analytics_storage', false);
    assertThat(said).isEqualTo([]);
    assertApi('injectScript').wasNotCalled();
    decided('analytics_storage', true);
    assertThat(said.map(call => call.path)).isEqualTo([['start'], ['optIn']]);
    decided('analytics_storage', false);
    assertThat(said.map(call => call.path)).isEqualTo([['start'], ['optIn'], ['optOut']]);
- name: An opt-out does not wait for consent
  code: |-
    mock('isConsentGranted', false);
    runCode({tagType: 'optOut', consent: 'wait'});
    assertThat(said.map(call => call.path)).isEqualTo([['optOut']]);
    assertApi('gtmOnSuccess').wasCalled();
- name: A tag that does nothing fails
  code: |-
    runCode({consent: 'none'});
    runCode({tagType: 'event', consent: 'none', eventType: ' '});
    runCode({tagType: 'activity', consent: 'none'});
    assertApi('gtmOnFailure').wasCalled();
    assertApi('gtmOnSuccess').wasNotCalled();
    assertThat(said).isEqualTo([]);
setup: |-
  const said = [];
  const called = [];
  const injected = [];
  let loaded;
  let failed;
  let decided;
  mock('copyFromWindow', undefined);
  mock('setInWindow', true);
  mock('createQueue', () => call => {
    said.push(call);
  });
  mock('callInWindow', (path, first) => {
    called.push({path: path, first: first});
  });
  mock('injectScript', (url, success, failure) => {
    injected.push(url);
    loaded = success;
    failed = failure;
  });
  mock('addConsentListener', (type, listener) => {
    decided = listener;
  });


___NOTES___

One tag starts the SDK, on all pages; each of the others says one thing, whenever it is to be said. What is said before the
SDK is there waits in the page, in its order, and is carried out once it has started; without a start tag it goes nowhere.

A tag succeeds once it has handed over what it says; a start tag, once the SDK is loaded; one that waits for consent, at
once, as it has done all that it may. It fails where a field that it needs is empty, and where the SDK can't be loaded.

"Injects scripts" permits any host, as the host is yours: narrow it to your own, https://api.shop.example/sdk.js*

With a session ID of your own: what the SDK tracks by itself as it starts, on a visitor's very first page, is said before it,
and stays with a session before it. Where that counts, untick "Track page visits" and send them as events.
